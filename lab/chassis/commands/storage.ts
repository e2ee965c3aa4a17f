import type { Command } from "../cli/command.ts";
import { eachNode } from "../cli/per-node.ts";

const inKilobytes = (kilobytes: number) => String(Math.round(kilobytes));

/** As `df -h` shortens sizes. */
export function short(kilobytes: number): string {
  for (const [unit, size] of [
    ["G", 1024 * 1024],
    ["M", 1024],
  ] as const) {
    const value = kilobytes / size;
    if (value >= 1) return `${value < 10 ? value.toFixed(1) : Math.round(value)}${unit}`;
  }
  return `${inKilobytes(kilobytes)}K`;
}

export const showStorage: Command = {
  words: "show system storage",
  run(context) {
    const detail = context.args.includes("detail");
    const size = detail ? inKilobytes : short;
    const header = detail
      ? "Filesystem              1024-blocks        Used       Avail   Capacity  Mounted on"
      : "Filesystem              Size       Used      Avail  Capacity   Mounted on";
    const widths = detail ? [25, 10, 12, 12, 9] : [20, 8, 11, 11, 10];
    const [first = 20, ...rest] = widths;
    eachNode(context, (node) =>
      [
        header,
        ...node.files.mounts().map((mount) => {
          const share = `${Math.round((100 * mount.usedKilobytes) / mount.kilobytes)}%`;
          const cells = [
            size(mount.kilobytes),
            size(mount.usedKilobytes),
            size(Math.max(0, mount.freeKilobytes)),
            share,
          ];
          return `${mount.device.padEnd(first)}${cells.map((cell, at) => cell.padStart(rest[at] ?? 10)).join("")}  ${mount.path}`;
        }),
      ].join("\n"),
    );
  },
};

/** Rotated logs and dumps, as the device's own clean-up finds them. */
const CLEANED = ["/var/log", "/var/crash", "/var/tmp"];

export const cleanStorage: Command = {
  words: "request system storage cleanup",
  async run(context) {
    const { node, args, print, ask } = context;
    const found = CLEANED.flatMap((folder) =>
      node.files
        .list(folder)
        .filter(({ name }) => folder !== "/var/tmp" && (/\.gz$/.test(name) || folder === "/var/crash"))
        .map(({ name, file }) => ({ path: `${folder}/${name}`, file })),
    );
    print("List of files to delete:\n\n         Size Date         Name");
    for (const { path, file } of found)
      print(
        `${short(file.kilobytes ?? file.content.length / 1024).padStart(13)} ${context.cluster.clock.date(file.modifiedAt).toDateString().slice(4, 10)}       ${path}`,
      );
    const asked = args.includes("no-confirm") ? "yes" : await ask("Delete these files ? [yes,no] (no) ");
    if (!/^y(es)?$/i.test(asked)) return;
    for (const { path } of found) node.files.remove(path);
  },
};
