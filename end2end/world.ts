// What stands around the page: where everything is, and requests that change it. The other end of `control` is
// xtask/src/browser/control.rs.

/** How to reach a cluster. */
export interface ClusterFacts {
  name: string;
  version: string;
  /** Comma-separated `host:port` of the plaintext listeners. */
  bootstrap: string;
  ssl_bootstrap: string;
  sasl_plaintext_bootstrap: string;
  sasl_ssl_bootstrap: string;
  /** PEM file of the authority that signed the brokers' certificate. */
  ca_file: string;
  user: string;
  password: string;
}

/** The world as it is now. */
export interface Facts {
  url: string;
  /** Null where Causeway was begun without an administrator. */
  admin_password: string | null;
  /** Where the first administrator is made; null where there was one from the start. */
  setup_link: string | null;
  /** A token of an administrator, null while Causeway is down. */
  token: string | null;
  pid: number | null;
  data_dir: string;
  log_file: string;
  east: ClusterFacts;
  west: ClusterFacts;
}

export type ClusterName = "east" | "west";

/** A record to write; without a value it is a tombstone. */
export interface NewRecord {
  key?: string;
  value?: string;
  partition?: number;
  timestamp?: number;
}

/** First and end offset of each partition. */
export type Watermarks = [first: number, end: number][];

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set: start the tests by \`cargo xtask browser\``);
  }
  return value;
}

/** Cargo's target folder: results and screenshots go there. */
export const target = variable("CAUSEWAY_TARGET");

/** What stays the same all the time: Causeway's address (also after a restart) and both clusters. */
export const world = {
  url: variable("CAUSEWAY_URL"),
  east: JSON.parse(variable("CAUSEWAY_EAST")) as ClusterFacts,
  west: JSON.parse(variable("CAUSEWAY_WEST")) as ClusterFacts,
};

async function ask<T>(path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${variable("CAUSEWAY_CONTROL")}${path}`, {
    method: "POST",
    body: body === undefined ? null : JSON.stringify(body),
  });
  const answer = (await response.json()) as T & { error?: string };
  if (!response.ok) {
    throw new Error(`${path}: ${answer.error}`);
  }
  return answer;
}

/** Changes the world around the page. Each call waits until it is done. */
export const control = {
  facts: () => ask<Facts>("/facts"),
  /** Ends Causeway in an orderly way, where it runs, and starts it with the data it had. */
  restart: () => ask<Facts>("/restart"),
  /** Kills Causeway; it stays down until `restart` or `fresh`. */
  kill: () => ask<Facts>("/kill"),
  /** Starts Causeway with an empty database: with an administrator, or with a setup link. */
  fresh: (first: { admin: boolean }) => ask<Facts>("/fresh", first),
  /** Kills a cluster's brokers. */
  stopCluster: (cluster: ClusterName) => ask<Facts>(`/clusters/${cluster}/stop`),
  /** Starts a cluster's brokers again and waits until they serve. */
  startCluster: (cluster: ClusterName) => ask<Facts>(`/clusters/${cluster}/start`),
  /** Lets a cluster's connections stand open without an answer. */
  freezeCluster: (cluster: ClusterName) => ask<Facts>(`/clusters/${cluster}/freeze`),
  thawCluster: (cluster: ClusterName) => ask<Facts>(`/clusters/${cluster}/thaw`),
  createTopic: (
    cluster: ClusterName,
    topic: string,
    more: { partitions?: number; configs?: Record<string, string> } = {},
  ) => ask<Facts>("/create-topic", { cluster, topic, ...more }),
  deleteTopic: (cluster: ClusterName, topic: string) => ask<Facts>("/delete-topic", { cluster, topic }),
  /** Writes so many made-up records, or these, and waits until all are acknowledged. */
  produce: (cluster: ClusterName, topic: string, records: number | NewRecord[]) =>
    ask<{ written: number }>("/produce", { cluster, topic, records }),
  /** Deletes records below `before`, or all; of one partition, or of all. */
  deleteRecords: (
    cluster: ClusterName,
    topic: string,
    more: { partition?: number; before?: number } = {},
  ) => ask<Watermarks>("/delete-records", { cluster, topic, ...more }),
  watermarks: (cluster: ClusterName, topic: string) => ask<Watermarks>("/watermarks", { cluster, topic }),
};

/** Calls Causeway's API as an administrator, to arrange quickly what a test is not about. */
export async function api<T>(method: string, path: string, body?: unknown): Promise<T> {
  const { url, token } = await control.facts();
  const response = await fetch(`${url}/api/v1/${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) {
    throw new Error(`${method} ${path}: ${response.status} ${text}`);
  }
  return (text === "" ? null : JSON.parse(text)) as T;
}
