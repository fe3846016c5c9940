// Writes dist/: ESM, CommonJS and their types, by the tsc on PATH (Debian's node-typescript will do).
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(folder, "dist");

function compile(...options) {
    execFileSync("tsc", ["--project", folder, ...options], { stdio: "inherit" });
}

rmSync(dist, { recursive: true, force: true });
compile("--outDir", join(dist, "esm"));
compile("--outDir", join(dist, "cjs"), "--module", "commonjs");
// The package's own type is "module".
writeFileSync(join(dist, "cjs/package.json"), '{ "type": "commonjs" }\n');
