// Before and after `npm pack`: what the package shares with the repository is copied in for as long as that takes, so that
// there is one README, one licence and one set of documents. `--clean` takes the copies away again.
const fs = require("node:fs");
const path = require("node:path");

const root = path.join(__dirname, "..");

for (const name of ["README.md", "LICENSE", "docs"]) {
  const copy = path.join(__dirname, name);
  fs.rmSync(copy, { recursive: true, force: true });
  if (!process.argv.includes("--clean")) fs.cpSync(path.join(root, name), copy, { recursive: true });
}
