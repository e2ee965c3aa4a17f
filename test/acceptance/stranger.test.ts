import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { writesSince } from "../support/audit.ts";
import { type CommandRun, run } from "../support/command.ts";
import { itInFull } from "../support/full.ts";
import { Observed } from "../support/observed.ts";
import { openTestSite, root, type TestSite } from "../support/site.ts";

/** Code blocks of the README's section on the smallest program, by language. */
async function readmeBlocks(): Promise<{ readonly [language: string]: string }> {
  const readme = await fs.readFile(path.join(root, "README.md"), "utf8");
  const section = /^## The smallest program$([\s\S]*?)^## /m.exec(readme)?.[1] ?? "";
  const blocks = [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  return Object.fromEntries(blocks.map(([, language, text]) => [language, text ?? ""]));
}

describe("a stranger installs the package and upgrades with the README's smallest program (TEF-11)", function () {
  this.timeout(180_000);
  let site: TestSite;
  let observed: Observed;
  /** Nothing of the repository is above it. */
  let home: string;
  let folder: string;
  let blocks: { readonly [language: string]: string };
  let env: NodeJS.ProcessEnv;

  before(async () => {
    site = await openTestSite({ name: "test-stranger", subscribers: 1000, calls: 5 });
    observed = new Observed(site);
    home = await fs.mkdtemp(path.join(os.tmpdir(), "issu-stranger-"));
    folder = path.join(home, "site");
    await fs.mkdir(folder);
    blocks = await readmeBlocks();
    const passphrase = path.join(home, "passphrase");
    await fs.writeFile(passphrase, randomBytes(24).toString("hex"), { mode: 0o600 });
    await fs.mkdir(path.join(home, "backend"));
    env = {
      ...site.env,
      PULUMI_BACKEND_URL: `file://${path.join(home, "backend")}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: passphrase,
    };
  });
  after(async () => {
    observed?.close();
    await site?.close();
    if (home) await fs.rm(home, { recursive: true });
  });

  const pulumi = (cwd: string, ...args: string[]): Promise<CommandRun> =>
    run("pulumi", [...args, "--non-interactive", "--color", "never"], { cwd, env });
  const must = async (run: Promise<CommandRun>): Promise<CommandRun> => {
    const ended = await run;
    assert.equal(ended.code, 0, ended.output);
    return ended;
  };
  const program = (edit: (text: string) => string) =>
    // The soak is of minutes, as it should be; nothing else is changed.
    fs.writeFile(path.join(folder, "index.ts"), edit(blocks.ts ?? "").replace(/soak: "\w+"/, 'soak: "2s"'));

  it("npm pack: one README, no sources, no maps, no build records", async () => {
    await must(run("npm", ["pack", "--pack-destination", home], { cwd: path.join(root, "sdk"), env }));
    const { output } = await must(
      run("tar", ["tzf", path.join(home, "pulumi-issu-0.1.0.tgz")], { cwd: home, env }),
    );
    const files = output.split("\n");
    for (const file of [
      "README.md",
      "LICENSE",
      "docs/rbac.yaml",
      "provider/PulumiPlugin.yaml",
      "provider/pulumi-resource-issu",
      "bin/issu.js",
    ])
      assert.ok(files.includes(`package/${file}`), `${file} is missing`);
    const stray = files.filter((file) => /\.map$|tsbuildinfo|(?<!\.d)\.ts$|\.test\./.test(file));
    assert.deepEqual(stray, []);
  });

  it("npm install, as the README says", async () => {
    const [command = "", ...args] = (blocks.sh ?? "").trim().split(" ");
    assert.equal(command, "npm");
    await fs.writeFile(path.join(folder, "package.json"), '{ "name": "site", "private": true }\n');
    const packed = args.map((arg) =>
      arg === "pulumi-issu" ? path.join(home, "pulumi-issu-0.1.0.tgz") : arg,
    );
    const quick = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
    const { durationMs } = await must(run("npm", [...packed, ...quick], { cwd: folder, env }));
    console.log(`      installed in ${(durationMs / 1000).toFixed(1)} s`);
  });

  it("its types don't drag in those of Kubernetes", async () => {
    await program((text) => text);
    const { output } = await must(
      run(
        process.execPath,
        [
          path.join(folder, "node_modules/typescript/bin/tsc"),
          ...["--noEmit", "--listFiles", "--strict", "--skipLibCheck", "false"],
          ...["--module", "nodenext", "--types", "node", "index.ts"],
        ],
        { cwd: folder, env },
      ),
    );
    assert.match(output, /pulumi-issu\/dist\/index\.d\.ts/);
    assert.doesNotMatch(output, /@pulumi\/kubernetes|@kubernetes/);
  });

  it("preview shows the install and touches nothing", async () => {
    await fs.writeFile(path.join(folder, "Pulumi.yaml"), blocks.yaml ?? "");
    await must(pulumi(folder, "stack", "init", "one"));
    const since = Date.now();
    const { output } = await must(pulumi(folder, "preview"));
    assert.match(output, /amf-finalize/);
    assert.deepEqual(await writesSince(site.lab.auditLogPath, since), []);
  });

  it("up installs, and with the version changed it upgrades without losing a session", async () => {
    await must(pulumi(folder, "up", "--yes", "--skip-preview"));
    await site.traffic.allRegistered(30_000);
    await program((text) => text.replace('version: "1.0.0"', 'version: "1.1.0"'));
    await site.traffic.openWindow("upgrade");
    await must(pulumi(folder, "up", "--yes", "--skip-preview"));
    const figures = await site.traffic.closeWindow("upgrade");
    assert.deepEqual([figures.sessionsLost, figures.proceduresFailed, figures.reRegistrations], [0, 0, 0]);
    assert.equal((await observed.split()).spec.left?.version, "1.1.0");
    assert.deepEqual(
      (await observed.deployments()).map(({ version, replicas }) => `${version}: ${replicas}`),
      ["1.1.0: 2"],
    );
  });

  it("the command line that came with it works", async () => {
    const issu = path.join(folder, "node_modules/.bin/issu");
    const { output } = await must(
      run(issu, ["status", "amf", "-n", "core", "--exit-code"], { cwd: folder, env }),
    );
    assert.match(output, /1\.1\.0/);
    assert.match((await must(run(issu, ["crds"], { cwd: folder, env }))).output, /SubscriberSplit/);
  });

  // Figures to look at, and a minute to get them.
  itInFull("prints what an up without change takes beside the engine's own start", async () => {
    const empty = path.join(home, "empty");
    await fs.mkdir(empty);
    await fs.writeFile(path.join(empty, "index.ts"), "export {};\n");
    await fs.writeFile(path.join(empty, "package.json"), '{ "name": "empty", "private": true }\n');
    await fs.writeFile(path.join(empty, "Pulumi.yaml"), "name: empty\nruntime: nodejs\n");
    await fs.symlink(path.join(folder, "node_modules"), path.join(empty, "node_modules"));
    await must(pulumi(empty, "stack", "init", "one"));
    const best = async (cwd: string): Promise<string> => {
      const times: number[] = [];
      for (let i = 0; i < 3; i++) {
        const { durationMs } = await must(
          pulumi(cwd, "up", "--yes", "--skip-preview", ...(i > 0 ? ["--expect-no-changes"] : [])),
        );
        times.push(durationMs);
      }
      return `${(Math.min(...times) / 1000).toFixed(2)} s`;
    };
    console.log(`      engine alone, a program with nothing in it: ${await best(empty)}`);
    console.log(`      the smallest program, nothing changed: ${await best(folder)}`);
  });
});
