import type { Catalogue } from ".";
import { en } from "./en";
import { pages } from "./es/pages";
import { settings } from "./es/settings";
import { shell } from "./es/shell";

/** Spanish. What is not translated yet is shown in English. */
const catalogue: Catalogue = { ...en, ...shell, ...pages, ...settings };
export default catalogue;
