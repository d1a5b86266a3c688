import { live } from "./live";
import { recordings } from "./recordings";
import { settings } from "./settings";
import { shell } from "./shell";
import { pages } from "./pages";

/** English; its keys are the keys of every language. */
export const en = { ...shell, ...pages, ...settings, ...live, ...recordings } as const;
