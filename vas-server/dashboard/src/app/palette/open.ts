/** Whether the palette is open; apart from it, as it is loaded only when it is. */

import { createSignal } from "solid-js";

const [paletteOpen, setPaletteOpen] = createSignal(false);

export { paletteOpen };

export function openPalette(): void {
  setPaletteOpen(true);
}

export function closePalette(): void {
  setPaletteOpen(false);
}
