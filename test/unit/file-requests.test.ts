import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { FileRequests } from "#sdk/campaign/file-requests.js";
import type { Asking } from "#sdk/contract/requests.js";

const asking = (kind: Asking["kind"], more: Partial<Asking> = {}): Asking => ({
  kind,
  campaign: "3",
  reason: "because",
  ...more,
});

describe("requests beside a journal in a folder (ESC-12, ESC-21)", () => {
  let dir: string;
  let book: FileRequests;
  const requests = () => path.join(dir, "requests");

  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-requests-"));
    book = new FileRequests(dir);
  });
  afterEach(() => fs.rm(dir, { recursive: true, force: true }));

  it("keeps them by target, oldest first, each with its file's owner", async () => {
    assert.deepEqual(await book.asked("element/default/ne1"), []);
    const first = await book.ask("element/default/ne1", asking("pause"));
    const second = await book.ask("element/default/ne1", asking("abort"));
    await book.ask("element/default/ne10", asking("abort"));
    assert.deepEqual(await book.asked("element/default/ne1"), [first, second]);
    assert.equal(first.by, os.userInfo().username);
    assert.match(first.at, /^\d{4}-.*Z$/);
    assert.equal(second.kind, "abort");
  });

  it("takes an approval only as a file of the role's group", async () => {
    const { gid } = os.userInfo();
    const lines = (await fs.readFile("/etc/group", "utf8")).split("\n").map((line) => line.split(":"));
    const own = lines.find(([, , number]) => number === String(gid))?.[0];
    const foreign = lines.find(([, , number]) => number !== undefined && number !== String(gid))?.[0];
    assert(own && foreign);
    const approved = await book.ask(
      "element/default/ne1",
      asking("approve", { stage: "change-root", role: own }),
    );
    assert.equal(approved.role, own);
    await assert.rejects(
      book.ask("element/default/ne1", asking("approve", { stage: "x", role: "no-such-role" })),
      {
        code: "UNAUTHORIZED",
        message: /there is no group of that name/,
      },
    );
    // Written by hand under another group's name.
    const [file = ""] = await fs.readdir(requests());
    const forged = { ...asking("approve", { stage: "x", role: foreign }), target: "element/default/ne1" };
    await fs.writeFile(
      path.join(requests(), `${file.replace(".request", "")}-2.request`),
      JSON.stringify(forged),
    );
    assert.deepEqual(await book.asked("element/default/ne1"), [approved]);
  });

  it("takes nothing that others could have written", async () => {
    const good = await book.ask("element/default/ne1", asking("pause"));
    const file = path.join(requests(), `${good.id}.request`);
    const copy = (name: string) => file.replace(good.id, `${good.id}${name}`);
    await fs.copyFile(file, copy("-w"));
    await fs.chmod(copy("-w"), 0o666);
    await fs.symlink(file, copy("-s"));
    await fs.writeFile(copy("-j"), "{");
    assert.deepEqual(await book.asked("element/default/ne1"), [good]);
    assert.equal(await book.doubt(), undefined);
    await fs.chmod(requests(), 0o777);
    assert.match((await book.doubt()) ?? "", /sticky bit/);
    await fs.chmod(requests(), 0o1777);
    assert.equal(await book.doubt(), undefined);
  });
});
