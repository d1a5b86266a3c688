import solid from "eslint-plugin-solid/configs/typescript";
import { globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

export default tseslint.config(
  globalIgnores(["dist", "node_modules", "src/api/schema.gen.ts"]),
  {
    files: ["src/**/*.{ts,tsx}", "player/**/*.ts"],
    extends: [...tseslint.configs.strict, solid],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { ignoreRestSiblings: true, varsIgnorePattern: "^_$" }],
      // Takes handlers, callbacks and classes of our own for lost reactivity: what it reports here is none.
      "solid/reactivity": "off",
      "max-lines": ["error", { max: 300, skipComments: true, skipBlankLines: true }],
      // Media, timeline and pages do not know each other; what they share is in api/, ui/ and i18n/.
      "no-restricted-imports": ["error", {
        patterns: [{ group: ["**/features/*", "../../features/*", "../live*", "../recordings*", "../dashboard*", "../devices*", "../bookmarks*", "../snapshots*", "../analytics*", "../settings*", "../auth*"], message: "features never import each other" }],
      }],
    },
  },
  { files: ["src/app/**"], rules: { "no-restricted-imports": "off" } },
);
