import type { Catalogue } from ".";
import { en } from "./en";
import { pages } from "./de/pages";
import { settings } from "./de/settings";
import { shell } from "./de/shell";

/** German. What is not translated yet is shown in English. */
const catalogue: Catalogue = { ...en, ...shell, ...pages, ...settings };
export default catalogue;
