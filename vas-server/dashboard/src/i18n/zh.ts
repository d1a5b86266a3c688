import type { Catalogue } from ".";
import { en } from "./en";
import { pages } from "./zh/pages";
import { settings } from "./zh/settings";
import { shell } from "./zh/shell";

/** Chinese. What is not translated yet is shown in English. */
const catalogue: Catalogue = { ...en, ...shell, ...pages, ...settings };
export default catalogue;
