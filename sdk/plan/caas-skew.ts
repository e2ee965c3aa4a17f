/**
 * Minors of Kubernetes releases, and how far apart they may be (version skew policy). Pure.
 *
 * @module
 */
import * as semver from "semver";

/** Minors by which a kubelet may be older than the API server. */
export const KUBELET_SKEW = 3;

const PER_MAJOR = 1000;

/** Comparable over majors. @param version semantic */
export const minorOf = (version: string): number => semver.major(version) * PER_MAJOR + semver.minor(version);

export const minorText = (minor: number): string => `${Math.floor(minor / PER_MAJOR)}.${minor % PER_MAJOR}`;
