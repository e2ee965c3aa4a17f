/**
 * Commands of the operational mode.
 *
 * @module
 */
import type { Command } from "../cli/command.ts";
import { showClusterIssu, showFpc, showHardware, showInServiceUpgrade, showPicStatus } from "./cards.ts";
import { setCompleteOnSpace, setScreenLength, setScreenWidth, setTimestamp } from "./cli-settings.ts";
import { showClusterInterfaces } from "./cluster-interfaces.ts";
import { showClusterStatus } from "./cluster-status.ts";
import { showConfiguration, showRescue } from "./configuration.ts";
import { showFabricPlane } from "./fabric.ts";
import { clearFailoverCount, failover, resetFailover } from "./failover.ts";
import { fileChecksum, fileCopy, fileDelete, fileList, fileShow } from "./file.ts";
import { showAlarms, showProcesses, showUptime } from "./health.ts";
import { fpcOnline, halt, picOnline, powerOff, reboot, restart } from "./reboot.ts";
import { showReplication, showRoutingEngine, showSwitchover, switchMaster } from "./routing-engines.ts";
import { deleteRescue, saveRescue, showSnapshot, takeSnapshot } from "./snapshot.ts";
import {
  abortUpgrade,
  addSoftware,
  deleteSoftware,
  inServiceUpgrade,
  listSoftware,
  rollbackSoftware,
  showSoftware,
  validateUpgrade,
} from "./software.ts";
import { cleanStorage, showStorage } from "./storage.ts";
import { showVersion } from "./version.ts";

export const commands: readonly Command[] = [
  showVersion,
  showClusterStatus,
  showClusterInterfaces,
  showClusterIssu,
  showInServiceUpgrade,
  showPicStatus,
  showFpc,
  showHardware,
  showFabricPlane,
  showRoutingEngine,
  showSwitchover,
  showReplication,
  switchMaster,
  showStorage,
  cleanStorage,
  showUptime,
  showAlarms,
  showProcesses,
  showConfiguration,
  showRescue,
  showSoftware,
  listSoftware,
  showSnapshot,
  takeSnapshot,
  saveRescue,
  deleteRescue,
  failover,
  resetFailover,
  clearFailoverCount,
  inServiceUpgrade,
  abortUpgrade,
  validateUpgrade,
  addSoftware,
  rollbackSoftware,
  deleteSoftware,
  reboot,
  halt,
  powerOff,
  restart,
  picOnline,
  fpcOnline,
  fileList,
  fileChecksum,
  fileCopy,
  fileDelete,
  fileShow,
  setScreenLength,
  setScreenWidth,
  setCompleteOnSpace,
  setTimestamp,
];
