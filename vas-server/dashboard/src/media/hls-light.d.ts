// The build without captions, alternate audio and DRM has no types of its own; those of the whole one hold for it.
declare module "hls.js/light" {
  export * from "hls.js";
  export { default } from "hls.js";
}
