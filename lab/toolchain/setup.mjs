/**
 * Gets everything that `npm run demo`, `npm test` and the lab need: npm packages, the compiled SDK, the programs. Plain
 * JavaScript without packages, since it runs first on a fresh clone, on Node 20 as well. Takes about a second when all is
 * there.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const bin = join(root, "node_modules/.bin");
const node = join(bin, "node");

/** What a step prints while it runs: a line at once, then one every 15 s, so that a pipeline's log shows it lives. */
function heartbeat(text) {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const timer = setInterval(() => say(`  ${text}, ${seconds()} s so far`), 15_000);
  say(`  ${text}`);
  return () => {
    clearInterval(timer);
    return seconds();
  };
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(message) {
  say(`\n${message}`);
  process.exit(1);
}

/** Runs a command to its end; resolves with its exit code and, unless it goes to our own output, what it said. */
function run(command, args, { show = false, env = {} } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"],
    });
    let said = "";
    const collect = (chunk) => {
      said += chunk;
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    child.once("error", (error) => done({ code: 127, said: error.message }));
    child.once("close", (code, signal) => done({ code: code ?? (signal ? 130 : 1), said }));
  });
}

function checkNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= 20) return;
  fail(
    `Node ${process.versions.node} is too old: Node 20 or newer is needed to begin with (https://nodejs.org); Node 24 itself then comes as an npm package.`,
  );
}

/** What decides which packages must be installed. */
function lockDigest() {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
}

/** True if the installed packages are those of the lock file: installed here by us, or by npm after its last change. */
function packagesCurrent(stamp) {
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed) || !existsSync(node)) return false;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lockDigest()) return true;
  return statSync(installed).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
}

async function installPackages() {
  const stamp = join(root, "node_modules/.pulumi-issu-lock");
  if (packagesCurrent(stamp)) return;
  const npm = await run("npm", ["--version"]);
  if (npm.code !== 0) fail("npm is missing. It comes with Node: https://nodejs.org");
  const end = heartbeat("installing npm packages (about a minute)");
  // Install scripts are left out, whatever npm's version thinks of them: those of the Pulumi packages download plugins
  // that the toolchain takes care of, the others compile speed-ups that aren't needed.
  const installed = await run("npm", [
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ]);
  if (installed.code !== 0) {
    end();
    fail(`\`npm ci\` failed (exit code ${installed.code}):\n${installed.said.trim()}`);
  }
  // The one script that is needed: it fetches Node 24 itself.
  const node24 = await run("npm", ["rebuild", "node", "--ignore-scripts=false", "--loglevel=error"]);
  const took = end();
  if (node24.code !== 0 || !existsSync(node)) {
    fail(`Node 24 could not be installed (\`npm rebuild node\`):\n${node24.said.trim()}`);
  }
  writeFileSync(stamp, lockDigest());
  say(`  npm packages installed in ${took} s`);
}

/** Compiles the SDK, which everything imports as a user would. The compiler does nothing if nothing changed. */
async function compile() {
  const { code, said } = await run(node, [join(root, "node_modules/typescript/bin/tsc"), "-b", "sdk"]);
  if (code !== 0) fail(`The SDK does not compile:\n${said.trim()}`);
}

/** The rest is TypeScript, run by Node 24. */
async function getPrograms() {
  const env = { PATH: [bin, process.env.PATH].join(delimiter) };
  // Node does not heed the usual proxy variables unless told to.
  if (process.env.HTTPS_PROXY || process.env.https_proxy) env.NODE_USE_ENV_PROXY = "1";
  const { code } = await run(node, [join(root, "lab/toolchain/check.ts")], { show: true, env });
  if (code !== 0) process.exit(code);
}

checkNode();
await installPackages();
await compile();
await getPrograms();
