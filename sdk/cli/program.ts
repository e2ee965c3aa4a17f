/**
 * The commands and their options.
 *
 * @module
 */
import { Command, Option } from "commander";
import { holdAgainstContract } from "./command-conformance";
import { printCrds } from "./command-crds";
import { rebuildJournal } from "./command-journal";
import { showLog } from "./command-log";
import { printProtection } from "./command-protection";
import { showReport } from "./command-report";
import { makeRequest } from "./command-request";
import { restoreSnapshot } from "./command-restore";
import { listSnapshots, showSnapshot, verifySnapshot } from "./command-snapshot";
import { showStatus } from "./command-status";
import { endLease } from "./command-unlock";
import { exitCodes } from "./exit-code";

const TARGET = "target, like amf or cnf/core/amf";

/** @param exit told with which code the process is to end, if not with 0. */
export function program(version: string, exit: (code: number) => void): Command {
  const issu = new Command("issu")
    .description("Looks at in-service upgrades that pulumi up carries out, and takes part in them.")
    .version(version)
    .helpCommand(false)
    .showHelpAfterError("(issu --help, or issu COMMAND --help)");

  withSite(issu.command("status"))
    .description("what runs, how far the campaign is, what each version carries, what to do next")
    .argument("[target]", `${TARGET}; all if left out`)
    .option("-w, --watch", "keep looking: redraws on a terminal, prints a line per change in a pipeline")
    .option("--json", "print the versioned document of docs/cli.md")
    .option(
      "--exit-code",
      `tell the outcome: ${exitCodes.ok} completed or unchanged, ${exitCodes.held} held, ${exitCodes.rolledBack} rolled back, ${exitCodes.inProgress} in progress, ${exitCodes.attention} stopped or rollback incomplete; with --watch, end when nothing is in progress`,
    )
    .option("--window <duration>", "time over which KPIs are counted, 0s for none", "2s")
    .action(async (target: string | undefined, options) => exit(await showStatus(target, options)));

  withSite(issu.command("report"))
    .description("what the last campaign did, from its journal")
    .argument("[target]", `${TARGET}; all if left out`)
    .option("--campaign <id>", "another one than the last; of those only the outcome is kept")
    .option("--json", "print the versioned document of docs/cli.md")
    .action((target: string | undefined, options) => showReport(target, options));

  const requests = [
    [
      "abort",
      "stop the campaign in hand at its next safe point and take it back; follows until that is done",
    ],
    ["pause", "stop the campaign in hand at its next safe point, and stay there"],
    ["resume", "let a paused campaign go on"],
    ["approve", "agree to what the campaign in hand waits for"],
  ] as const;
  for (const [kind, description] of requests) {
    const command = withSite(issu.command(kind))
      .description(`${description}; the cluster knows who asks, and whether they may`)
      .argument("[target]", `${TARGET}; may be left out if there is one`)
      .requiredOption("--reason <text>", "why, for whoever reads the log later")
      .action((target: string | undefined, options) => makeRequest(kind, target, options));
    if (kind === "approve")
      command
        .option("--stage <name>", "stage that waits; the one that does if left out")
        .option("--role <name>", "role in whose name you approve; the one that is waited for if left out");
  }

  withSite(issu.command("unlock"))
    .description("end the lease that a dead run left behind, and shut that run out should it wake")
    .argument("[target]", `${TARGET}; may be left out if there is one`)
    .requiredOption("--reason <text>", "why, for whoever reads the journal later")
    .option("--force", "also if its holder renews it: that run stops where it is")
    .action((target: string | undefined, options) => endLease(target, options));

  withSite(
    issu
      .command("journal")
      .description("a journal that is lost, damaged or too old (docs/journal.md)")
      .command("rebuild"),
  )
    .description("begin the journal anew from what the target shows")
    .argument("<target>", "target in full, like cnf/core/amf")
    .requiredOption("--reason <text>", "why, for whoever reads the journal later")
    .action((target: string, options) => rebuildJournal(target, options));

  withSite(issu.command("conformance"))
    .description(
      "for vendors: holds a network function against every clause of docs/contract.md, on a test system",
    )
    .argument("<name>", "network function, of which two versions run side by side")
    .requiredOption("--left <version>", "version that serves")
    .requiredOption("--right <version>", "version beside it")
    .option("--subscribers <list>", "designated subscribers, with commas; 20 or more to see who moves")
    .option("--within <duration>", "longest wait for the network function to obey", "60s")
    .option("--moves-subscribers", "agree that subscribers are moved, instances drained, roles switched over")
    .option("--json", "print the results as JSON")
    .action(async (name: string, options) => exit(await holdAgainstContract(name, options)));

  addSnapshots(
    issu.command("snapshot").description("what was saved before a campaign's steps (docs/snapshots.md)"),
  );

  issu
    .command("crds")
    .description("the custom resource definitions of the contract, for kubectl apply -f -")
    .addOption(new Option("-o, --output <format>", "format").choices(["yaml", "json"]).default("yaml"))
    .action(({ output }) => printCrds(output));

  issu
    .command("protection")
    .description(
      "the admission policy that refuses to delete what serves, whoever asks, for an administrator to apply once; campaigns then install none",
    )
    .argument("<namespace...>", "namespaces with network functions")
    .addOption(new Option("-o, --output <format>", "format").choices(["yaml", "json"]).default("yaml"))
    .action((namespaces: string[], { output }) => printProtection(namespaces, output));

  issu
    .command("log")
    .description("every action of the campaigns that ran on this machine")
    .argument("[target]", `${TARGET}; may be left out if there is one`)
    .option("-f, --follow", "wait for more")
    .option("--campaign <id>", "of one campaign only")
    .option("--json", "print the lines as they are in the file")
    .action((target: string | undefined, options) => showLog(target, options));

  return issu;
}

function addSnapshots(snapshot: Command): void {
  const ID = ["[snapshot]", "its id, as list shows it", "latest"] as const;
  const withStore = (command: Command) =>
    withSite(command).option(
      "--store <url>",
      "where they are: kubernetes, or a URL like file:///var/lib/issu or s3://bucket/prefix; where the last one was put if left out",
    );
  const IDENTITY = [
    "--identity <file>",
    "age identities that can decrypt it; ISSU_AGE_IDENTITY holds them if left out",
  ] as const;

  withStore(snapshot.command("list"))
    .description("the snapshots of a target, the latest first")
    .argument("[target]", `${TARGET}; may be left out if there is one`)
    .option("--json", "print the versioned document of docs/snapshots.md")
    .action((target: string | undefined, options) => listSnapshots(target, options));

  withStore(snapshot.command("show"))
    .description("one of them, part by part")
    .argument("<target>", TARGET)
    .argument(...ID)
    .option("--json", "print the versioned document of docs/snapshots.md")
    .action((target: string, id: string, options) => showSnapshot(target, id, options));

  withStore(snapshot.command("verify"))
    .description("read it again and compare checksums; with an identity, of the content too")
    .argument("<target>", TARGET)
    .argument(...ID)
    .option(...IDENTITY)
    .action((target: string, id: string, options) => verifySnapshot(target, id, options));

  withStore(snapshot.command("restore"))
    .description("put parts of it back into the target; what was written there since is lost")
    .argument("<target>", TARGET)
    .argument("<snapshot>", "its id, as list shows it, or latest")
    .requiredOption("--reason <text>", "why, for whoever reads the journal later")
    .option(
      "--part <name...>",
      "parts, as show lists them; the records of all data-storage components if left out",
    )
    .option(...IDENTITY)
    .option("--while-open", "also while a campaign is open or held")
    .option("-y, --yes", "don't ask")
    .option("--within <duration>", "longest time for one part", "5m")
    .action((target: string, id: string, options) => restoreSnapshot(target, id, options));
}

function withSite(command: Command): Command {
  return command
    .option("-n, --namespace <name>", "namespace of the target; the context's own if left out")
    .option("--kubeconfig <path>", "kubeconfig; KUBECONFIG or ~/.kube/config if left out")
    .option("--context <name>", "context in it; its current one if left out")
    .option(
      "--at <file>",
      "JSON with how a target is reached, where Kubernetes does not say (docs/chassis.md, docs/element.md, docs/caas.md)",
    )
    .option(
      "--journal <url>",
      "where the journal is kept: kubernetes, or a URL like file:///var/lib/issu or s3://bucket/prefix",
    );
}
