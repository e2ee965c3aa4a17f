/**
 * From a chassis' policy as written to the policy as carried out: defaults filled in, every mistake found in one go.
 *
 * @module
 */
import type { ResolvedPeers } from "./alarm-policy";
import { ISSU_OPTIONS, type IssuOption, type ResolvedChassisPolicy } from "./chassis-policy";
import type { Problem } from "./problem";
import { join, Reader } from "./reader";
import { COMMON, readCommon } from "./resolve-common";

/** Before the device's own procedure begins a campaign can rest, and after it; in the midst of it the device goes on. */
const RESTS = ["snapshot", "stage-image", "redundancy-groups", "verify", "restore"] as const;

const LIMITS = {
  hold: "35m",
  image: "30m",
  save: "20m",
  failover: "2m",
  validate: "20m",
  install: "60m",
  sync: "20m",
  card: "15m",
} as const;

const KNOWN = [
  ...COMMON,
  "options",
  "startFrom",
  "unsupported",
  "save",
  "restore",
  "outage",
  "limits",
] as const;

/**
 * Fills in defaults and checks a policy (ESC-05, ESC-06).
 *
 * @param raw a `ChassisUpgradePolicy` as its user wrote it; nothing about it is taken for granted.
 * @returns every problem found; only if there is none the policy, and whom a run talks to, which holds secrets.
 */
export function resolveChassisPolicy(
  raw: unknown,
  path = "upgrade",
): {
  readonly problems: readonly Problem[];
  readonly policy?: ResolvedChassisPolicy;
  readonly peers?: ResolvedPeers;
} {
  const reader = new Reader();
  const at = (name: string) => join(path, name);
  const given = reader.fields(raw, path, KNOWN);
  const options = readOptions(reader, given.options, at("options"));
  const startFrom =
    given.startFrom === undefined
      ? undefined
      : reader.oneOf(given.startFrom, at("startFrom"), ["node0", "node1"], "node0");
  const unsupported = reader.fields(given.unsupported, at("unsupported"), ["pics", "protocols"]);
  const save = reader.fields(given.save, at("save"), ["rescue", "system"]);
  const limits = reader.fields(given.limits, at("limits"), [...Object.keys(LIMITS), "stage"]);
  const limit = (name: keyof typeof LIMITS) =>
    reader.duration(limits[name], at(`limits.${name}`), LIMITS[name]);
  const common = readCommon(reader, given, path, { rests: RESTS, within: "90m" });
  const policy: ResolvedChassisPolicy = {
    ...common.policy,
    options,
    ...(startFrom === undefined ? {} : { startFrom }),
    unsupported: {
      pics: readTexts(reader, unsupported.pics, at("unsupported.pics"), "descriptions of PICs", "SRX5K-SPC"),
      protocols: readTexts(
        reader,
        unsupported.protocols,
        at("unsupported.protocols"),
        "names of protocols",
        "pim",
      ),
    },
    save: {
      rescue: reader.boolean(save.rescue, at("save.rescue"), true),
      system: reader.boolean(save.system, at("save.system"), true),
    },
    restore: reader.oneOf(given.restore, at("restore"), ["as-before", "flags"], "as-before"),
    ...(given.outage === undefined ? {} : { outageMs: reader.duration(given.outage, at("outage"), "10m") }),
    limits: {
      holdMs: limit("hold"),
      imageMs: limit("image"),
      saveMs: limit("save"),
      failoverMs: limit("failover"),
      validateMs: limit("validate"),
      installMs: limit("install"),
      syncMs: limit("sync"),
      cardMs: limit("card"),
      ...(limits.stage === undefined
        ? {}
        : { stageMs: reader.duration(limits.stage, at("limits.stage"), "60m") }),
    },
  };
  if (reader.problems.length > 0) return { problems: reader.problems };
  return { problems: [], policy, peers: common.peers };
}

function readOptions(reader: Reader, raw: unknown, path: string): IssuOption[] {
  if (raw === undefined) return ["reboot"];
  const all = reader.list(raw, path, "keywords of the device's command");
  const read = all.flatMap((one, i): IssuOption[] => {
    if (ISSU_OPTIONS.includes(one as IssuOption)) return [one as IssuOption];
    reader.wrong(`${path}[${i}]`, one, `one of ${ISSU_OPTIONS.join(", ")}`, "Remove it");
    return [];
  });
  if (Array.isArray(raw) && read.length === all.length && !read.includes("reboot")) {
    reader.wrong(
      path,
      raw,
      "reboot among the keywords: without it no node boots the new release, and large devices refuse with 'reboot' keyword must be specified. Aborting ISSU",
      `Add "reboot"`,
    );
  }
  return [...new Set(read)];
}

function readTexts(reader: Reader, raw: unknown, path: string, what: string, example: string): string[] {
  if (raw === undefined) return [];
  return reader
    .list(raw, path, what)
    .flatMap((one, i) => reader.text(one, `${path}[${i}]`, what, example) ?? []);
}
