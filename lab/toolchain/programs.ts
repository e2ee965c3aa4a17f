/**
 * The programs the project needs, each at one version, with every way to get it (design §5). Data only.
 *
 * @module
 */
import type { Platform } from "./platform.ts";

/** What is looked up, downloaded and built as one. */
export type ProgramName =
  | "pulumi"
  | "pulumi-resource-kubernetes"
  | "pulumi-resource-command"
  | "etcd"
  | "kubernetes"
  | "kwok"
  | "kubectl"
  | "versitygw"
  | "alertmanager"
  | "prometheus"
  | "element-agent";

/** An executable file. */
export type Executable =
  | "pulumi"
  | "pulumi-language-nodejs"
  | "pulumi-resource-kubernetes"
  | "pulumi-resource-command"
  | "etcd"
  | "kube-apiserver"
  | "kube-controller-manager"
  | "kube-scheduler"
  | "kwok"
  | "kubectl"
  | "versitygw"
  | "alertmanager"
  | "prometheus"
  | "element-agent";

export interface Download {
  readonly url: string;
  /** Known beforehand, or the address of the publisher's list (one name and sum per line, or the bare sum). */
  readonly checksum: { readonly sha256: string } | { readonly listUrl: string };
  /** Executables in the archive and their paths there; without `archive` the file is the one executable itself. */
  readonly archive?: "tar.gz";
  readonly members: Partial<Record<Executable, string>>;
}

export interface GoBuild {
  readonly output: Executable;
  /** Folder under `modules/` that pins everything; a path from there for programs of our own. */
  readonly module: string;
  /** All of its source is in that folder, and another source is another program. */
  readonly ours?: true;
  readonly package: string;
  /** Values set into the program by the linker, so that it reports its version. */
  readonly set: Readonly<Record<string, string>>;
  /** Build tags, separated by commas. */
  readonly tags?: string;
  /** Files taken from the module's own published source into the build, see `build.ts`. */
  readonly embeds?: readonly { readonly module: string; readonly folder: string; readonly version: string }[];
  /** Seconds on two cores with nothing cached. */
  readonly seconds: number;
}

export interface Program {
  readonly name: ProgramName;
  readonly version: string;
  readonly executables: readonly Executable[];
  /**
   * How an executable on the PATH is asked for its version: by arguments, by the plugin protocol, or not at all, since
   * it belongs beside the program's first one.
   */
  readonly ask: Partial<Record<Executable, readonly string[] | "plugin" | "beside">>;
  /** Versions on the PATH that do as well; the pinned one only, if left out. */
  readonly fits?: (version: string) => boolean;
  downloads(platform: Platform): readonly Download[];
  readonly builds: readonly GoBuild[];
  /** Ours to take its place when it can't be had: the folder of a Pulumi provider under this one. */
  readonly standIn?: string;
}

const github = "https://github.com";

const pulumi: Program = {
  name: "pulumi",
  version: "3.250.0",
  executables: ["pulumi", "pulumi-language-nodejs"],
  // The engine looks for the language host beside itself first, and warns when it finds it elsewhere.
  ask: { pulumi: ["version"], "pulumi-language-nodejs": "beside" },
  downloads: ({ os, arch }) => [
    {
      url: `https://get.pulumi.com/releases/sdk/pulumi-v3.250.0-${os}-${arch === "amd64" ? "x64" : arch}.tar.gz`,
      checksum: {
        listUrl: `${github}/pulumi/pulumi/releases/download/v3.250.0/pulumi-3.250.0-checksums.txt`,
      },
      archive: "tar.gz",
      members: { pulumi: "pulumi/pulumi", "pulumi-language-nodejs": "pulumi/pulumi-language-nodejs" },
    },
  ],
  builds: [
    {
      output: "pulumi-language-nodejs",
      module: "language-nodejs",
      package: "github.com/pulumi/pulumi/sdk/nodejs/cmd/pulumi-language-nodejs/v3",
      set: { "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "v3.188.0" },
      seconds: 48,
    },
    {
      output: "pulumi",
      module: "pulumi",
      package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
      set: { "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "v3.250.0" },
      seconds: 220,
    },
  ],
};

const kubernetesProvider: Program = {
  name: "pulumi-resource-kubernetes",
  version: "4.25.0",
  executables: ["pulumi-resource-kubernetes"],
  ask: { "pulumi-resource-kubernetes": "plugin" },
  downloads: ({ os, arch }) => [pluginDownload("kubernetes", "4.25.0", os, arch)],
  builds: [
    {
      output: "pulumi-resource-kubernetes",
      module: "kubernetes-provider",
      package: ".",
      set: { "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version": "4.25.0" },
      embeds: [
        {
          module: "github.com/pulumi/pulumi-kubernetes/provider/v4",
          folder: "cmd/pulumi-resource-kubernetes",
          version: "4.25.0",
        },
      ],
      seconds: 440,
    },
  ],
};

const commandProvider: Program = {
  name: "pulumi-resource-command",
  version: "1.2.1",
  executables: ["pulumi-resource-command"],
  ask: { "pulumi-resource-command": "plugin" },
  downloads: ({ os, arch }) => [pluginDownload("command", "1.2.1", os, arch)],
  builds: [], // no Go module that can be had
  standIn: "command-plugin",
};

const etcd: Program = {
  name: "etcd",
  version: "3.6.8",
  executables: ["etcd"],
  ask: { etcd: ["--version"] },
  downloads: ({ os, arch }) => {
    if (os !== "linux") return []; // a zip elsewhere; the build takes 15 s
    const release = `${github}/etcd-io/etcd/releases/download/v3.6.8`;
    const folder = `etcd-v3.6.8-${os}-${arch}`;
    return [
      {
        url: `${release}/${folder}.tar.gz`,
        checksum: { listUrl: `${release}/SHA256SUMS` },
        archive: "tar.gz",
        members: { etcd: `${folder}/etcd` },
      },
    ];
  },
  builds: [{ output: "etcd", module: "etcd", package: "go.etcd.io/etcd/server/v3", set: {}, seconds: 63 }],
};

/** Kubernetes' servers at one release; of each minor release, one is there to be had. */
function kubernetesAt(version: string, module: string): Program {
  const executables = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;
  return {
    name: "kubernetes",
    version,
    executables,
    ask: {
      "kube-apiserver": ["--version"],
      "kube-controller-manager": ["--version"],
      "kube-scheduler": ["--version"],
    },
    downloads: ({ os, arch }) => {
      if (os !== "linux") return []; // servers are published for Linux only
      const release = `https://dl.k8s.io/release/v${version}/bin/${os}/${arch}`;
      return executables.map((name) => ({
        url: `${release}/${name}`,
        checksum: { listUrl: `${release}/${name}.sha256` },
        members: { [name]: name },
      }));
    },
    builds: [
      kubernetesBuild("kube-apiserver", version, module, 232),
      kubernetesBuild("kube-controller-manager", version, module, 58),
      kubernetesBuild("kube-scheduler", version, module, 6),
    ],
  };
}

const kubernetes = kubernetesAt("1.34.2", "kubernetes");

/**
 * All releases that the members of a lab's control plane can run, the oldest first. Those other than the lab's own are got when a
 * lab asks for them. Of 1.33 this is the patch release whose modules are all to be had.
 */
export const kubernetesReleases: readonly Program[] = [
  kubernetesAt("1.33.13", "kubernetes-1.33"),
  kubernetes,
];

const kwok: Program = {
  name: "kwok",
  version: "0.8.0",
  executables: ["kwok"],
  ask: { kwok: ["--version"] },
  downloads: () => [], // published without checksums, and nothing is run here that was not checked
  builds: [
    {
      output: "kwok",
      module: "kwok",
      package: "sigs.k8s.io/kwok/cmd/kwok",
      set: { "sigs.k8s.io/kwok/pkg/consts.Version": "v0.8.0" },
      seconds: 76,
    },
  ],
};

/** What drains are held against. Only the benchmark wants it, so it is not among those that setup gets. */
export const kubectl: Program = {
  name: "kubectl",
  version: "1.34.2",
  executables: ["kubectl"],
  ask: { kubectl: ["version", "--client"] },
  downloads: ({ os, arch }) => {
    const url = `https://dl.k8s.io/release/v1.34.2/bin/${os}/${arch}/kubectl`;
    return [{ url, checksum: { listUrl: `${url}.sha256` }, members: { kubectl: "kubectl" } }];
  },
  // In a module of its own: with the servers' it would change their pins, and they would be built anew.
  builds: [kubernetesBuild("kubectl", "1.34.2", "kubectl", 75)],
};

/** A bucket with conditional writes, for journals. Only tests want it, so it is not among those that setup gets. */
export const bucketServer: Program = {
  name: "versitygw",
  version: "1.8.0",
  executables: ["versitygw"],
  ask: { versitygw: ["--version"] },
  downloads: () => [],
  builds: [
    {
      output: "versitygw",
      module: "versitygw",
      package: "github.com/versity/versitygw/cmd/versitygw",
      set: { "main.Version": "v1.8.0" },
      seconds: 75,
    },
  ],
};

/** Takes alarms. Only tests want it, so it is not among those that setup gets. */
export const alertmanager: Program = {
  name: "alertmanager",
  version: "0.28.1",
  executables: ["alertmanager"],
  ask: { alertmanager: ["--version"] },
  downloads: () => [],
  builds: [
    {
      output: "alertmanager",
      module: "alertmanager",
      package: "github.com/prometheus/alertmanager/cmd/alertmanager",
      set: { "github.com/prometheus/common/version.Version": "0.28.1" },
      seconds: 90,
    },
  ],
};

/** Scrapes the instances of a lab that asks for it, so it is not among those that setup gets. */
export const prometheus: Program = {
  name: "prometheus",
  version: "3.13.5",
  executables: ["prometheus"],
  ask: { prometheus: ["--version"] },
  // What is used of it is as old as 2.0; distributions have packages.
  fits: (version) => /^[23]\./.test(version),
  downloads: ({ os, arch }) => {
    const release = `${github}/prometheus/prometheus/releases/download/v3.13.5`;
    const folder = `prometheus-3.13.5.${os}-${arch}`;
    return [
      {
        url: `${release}/${folder}.tar.gz`,
        checksum: { listUrl: `${release}/sha256sums.txt` },
        archive: "tar.gz",
        members: { prometheus: `${folder}/prometheus` },
      },
    ];
  },
  builds: [
    {
      output: "prometheus",
      module: "prometheus",
      package: "github.com/prometheus/prometheus/cmd/prometheus",
      set: { "github.com/prometheus/common/version.Version": "3.13.5" },
      // Clouds and orchestrators to find targets in are most of the build, and none of them is here.
      tags: "remove_all_sd",
      seconds: 120,
    },
  ],
};

/** Init, daemons and hardware of network elements; only labs with elements want it. */
export const elementAgent: Program = {
  name: "element-agent",
  version: "1.0.0",
  executables: ["element-agent"],
  ask: {}, // never on the PATH
  downloads: () => [],
  builds: [
    {
      output: "element-agent",
      module: "../../element/agent",
      ours: true,
      package: ".",
      set: {},
      seconds: 25,
    },
  ],
};

/** All programs, in the order in which they are got: the quick ones first. */
export const programs: readonly Program[] = [
  commandProvider,
  etcd,
  kwok,
  pulumi,
  kubernetes,
  kubernetesProvider,
];

function pluginDownload(name: "kubernetes" | "command", version: string, os: string, arch: string): Download {
  const executable: Executable = `pulumi-resource-${name}`;
  return {
    url: `https://get.pulumi.com/releases/plugins/${executable}-v${version}-${os}-${arch}.tar.gz`,
    checksum: {
      listUrl: `${github}/pulumi/pulumi-${name}/releases/download/v${version}/pulumi-${name}_${version}_checksums.txt`,
    },
    archive: "tar.gz",
    members: { [executable]: executable },
  };
}

function kubernetesBuild(output: Executable, version: string, module: string, seconds: number): GoBuild {
  const [major = "", minor = ""] = version.split(".");
  return {
    output,
    module,
    package: `k8s.io/kubernetes/cmd/${output}`,
    set: {
      "k8s.io/component-base/version.gitVersion": `v${version}`,
      "k8s.io/component-base/version.gitMajor": major,
      "k8s.io/component-base/version.gitMinor": minor,
    },
    seconds,
  };
}
