import { readFileSync } from "node:fs"

/** The version in package.json, which lies three folders up from here in the source and in dist alike. */
export function packageVersion(): string {
  // From src/cli it is two folders up, from dist/src/cli three.
  for (const relative of ["../../package.json", "../../../package.json"]) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(relative, import.meta.url), "utf8")) as {
        name?: string
        version?: string
      }
      if (manifest.name === "rankine" && manifest.version) return manifest.version
    } catch {
      // Not here: the next candidate.
    }
  }
  return "unknown"
}
