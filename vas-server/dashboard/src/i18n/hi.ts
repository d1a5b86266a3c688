import type { Catalogue } from ".";
import { en } from "./en";

const catalogue: Catalogue = { ...en };
export default catalogue;
