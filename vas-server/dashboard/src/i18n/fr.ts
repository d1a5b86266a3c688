import type { Catalogue } from ".";
import { en } from "./en";
import { pages } from "./fr/pages";
import { settings } from "./fr/settings";
import { shell } from "./fr/shell";

/** French. What is not translated yet is shown in English. */
const catalogue: Catalogue = { ...en, ...shell, ...pages, ...settings };
export default catalogue;
