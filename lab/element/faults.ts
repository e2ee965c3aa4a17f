/** What can be broken in an element, by name: the guards of its procedure (INI-8) first. */
export const elementFaults: Readonly<Record<string, string>> = {
  "unmount-critical": "the halt script unmounts /dev, /sys and /proc though an ISSU is in progress",
  "unload-modules": "it unloads the kernel modules",
  "load-modules": "the start script loads them again",
  "reset-hardware": "the start script resets the line cards",
  "start-early": "processes are started before the old root is gone",
  "keep-ipc": "System V IPC is not freed",
  "ignores-sigterm": "from the next boot on, a process ignores SIGTERM",
  unkillable: "from the next boot on, a process can't be killed (needs root)",
  "power-lost":
    "power is lost: at once, or at=before:|during:|after:<step> of the next change, after=<time> with during",
  "busy-mount": "a file is held open from outside: mount=/config, or / for the root in service",
  "partition-full": "the other partition (or partition=a|b) is full",
  "partition-read-only": "it can't be written",
  "image-corrupt": "a byte of its init is another one",
  "mgmt-lost": "the management process is killed, once",
};
