/**
 * Address of an S3-compatible bucket, written as for Pulumi's own backends:
 * `s3://bucket/prefix?region=eu-central-1&endpoint=minio.example:9000&s3ForcePathStyle=true`.
 *
 * @module
 */
import { isIP } from "node:net";

export interface S3Address {
  readonly bucket: string;
  /** Without slashes at its ends; empty for the bucket's root. */
  readonly prefix: string;
  readonly region?: string;
  /** Of a server that is not Amazon's, e.g. `https://minio.example:9000`. */
  readonly endpoint?: string;
  readonly forcePathStyle: boolean;
  /** Profile in the shared configuration files, from which credentials are taken. */
  readonly profile?: string;
}

const EXPECTED =
  "expected s3://BUCKET/PREFIX with any of ?region=, endpoint=HOST[:PORT], s3ForcePathStyle=true, disableSSL=true, profile=";

/** Parameters and their other names in Pulumi's backends. */
const NAMES: { readonly [name: string]: string } = {
  region: "region",
  endpoint: "endpoint",
  profile: "profile",
  s3ForcePathStyle: "s3ForcePathStyle",
  use_path_style: "s3ForcePathStyle",
  disableSSL: "disableSSL",
  disable_https: "disableSSL",
  // Which client of theirs Pulumi uses; without a meaning here, so that a backend's URL can be taken over as it is.
  awssdk: "awssdk",
};

/**
 * @param what what is to be kept there, for messages.
 * @throws Error with every mistake: got, expected. Credentials are not repeated.
 */
export function parseS3Url(text: string, what = "journal"): S3Address {
  if (!URL.canParse(text)) throw new Error(`${what}: got ${withoutSecrets(text)}, ${EXPECTED}`);
  const url = new URL(text);
  const mistakes: string[] = [];
  if (url.username !== "" || url.password !== "") {
    mistakes.push(
      "got credentials in the URL, expected none: it is kept in Pulumi's state. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile or a role",
    );
  }
  const bucket = url.host;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    mistakes.push(
      `got the bucket "${bucket}", expected a name of 3 to 63 lower-case letters, digits, dots and hyphens`,
    );
  }
  const given = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    const known = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
    if (known === undefined) {
      const secret = /key|secret|token|password/i.test(name) ? " Credentials don't belong in a URL." : "";
      mistakes.push(
        `got the parameter ${name}, expected one of ${[...new Set(Object.values(NAMES))].join(", ")}.${secret}`,
      );
    } else given.set(known, value);
  }
  const flag = (name: string): boolean | undefined => {
    const value = given.get(name);
    if (value === undefined || value === "true" || value === "false") return value && value === "true";
    mistakes.push(`got ${name}=${value}, expected true or false`);
    return undefined;
  };
  const plain = flag("disableSSL") ?? false;
  const pathStyle = flag("s3ForcePathStyle");
  const endpoint = endpointOf(given.get("endpoint"), plain, mistakes);
  if (plain && endpoint === undefined && !given.has("endpoint")) {
    mistakes.push("got disableSSL=true without endpoint, expected one: Amazon's own is asked over TLS only");
  }
  const prefix = prefixOf(url, mistakes);
  for (const name of ["region", "profile"]) {
    if (given.get(name) === "") mistakes.push(`got an empty ${name}, expected a name, or leave it out`);
  }
  if (mistakes.length > 0) throw new Error(`${what}: ${mistakes.join("; ")}`);
  const region = given.get("region");
  const profile = given.get("profile");
  return {
    bucket,
    prefix,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint: endpoint.origin }),
    // A bucket can't be a part of a host's name where the host has none.
    forcePathStyle: pathStyle ?? (endpoint !== undefined && isNameless(endpoint)),
    ...(profile === undefined ? {} : { profile }),
  };
}

function prefixOf({ pathname }: URL, mistakes: string[]): string {
  try {
    return decodeURIComponent(pathname).replace(/^\/+|\/+$/g, "");
  } catch {
    mistakes.push(`got the path ${pathname}, expected every % in it to be written as %25`);
    return "";
  }
}

function endpointOf(value: string | undefined, plain: boolean, mistakes: string[]): URL | undefined {
  if (value === undefined) return undefined;
  const text = /^[a-z]+:\/\//i.test(value) ? value : `${plain ? "http" : "https"}://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const right =
    url &&
    ["http:", "https:"].includes(url.protocol) &&
    url.username === "" &&
    url.password === "" &&
    url.pathname === "/" &&
    url.search === "";
  if (right) return url;
  mistakes.push(
    `got endpoint=${withoutSecrets(value)}, expected a host like minio.example:9000, or its origin like https://minio.example:9000`,
  );
  return undefined;
}

const isNameless = ({ hostname }: URL): boolean =>
  hostname === "localhost" || isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;

const withoutSecrets = (text: string): string => text.replace(/\/\/[^/@]*@/, "//…@");
