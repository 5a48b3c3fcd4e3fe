// What most tests need before they begin: connected clusters, and a link at work.

import { api, type ClusterName, control, world } from "./world.ts";

/** A link's status, as far as tests look at it. */
export interface LinkStatus {
  state: string;
  lag_records: number | null;
}

/** Begins with an empty database, an administrator, and both clusters connected. */
export async function freshWithClusters(): Promise<void> {
  await control.fresh({ admin: true });
  for (const name of ["east", "west"] as const) {
    await connectCluster(name);
  }
}

/** Connects a cluster over its plaintext listeners. */
export async function connectCluster(name: ClusterName): Promise<void> {
  await api("POST", "clusters", { name, bootstrap: world[name].bootstrap.split(",") });
}

/**
 * Makes a link from east to west of one topic with records, without starting it. Control topics outlive their link, so
 * each test has a name of its own.
 */
export async function makeLink(name: string, more: Record<string, unknown> = {}): Promise<void> {
  await control.createTopic("east", name, { partitions: 2 });
  await control.produce("east", name, 100);
  await api("POST", "links", {
    name,
    source: "east",
    destination: "west",
    topics: { include: [{ kind: "exact", pattern: name }] },
    ...more,
  });
}

/** Starts a link and waits until it has copied everything. */
export async function startLink(name: string): Promise<void> {
  await api("POST", `links/${name}/start`);
  await waitCopied(name);
}

/** Waits until a link has nothing left to copy. */
export async function waitCopied(name: string): Promise<void> {
  await waitStatus(name, (status) => status.state === "mirroring" && status.lag_records === 0);
}

/** Asks for a link's status until it is as wanted. */
export async function waitStatus(name: string, wanted: (status: LinkStatus) => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  // Ends with the status that is wanted, or at the deadline.
  for (;;) {
    const status = await api<LinkStatus>("GET", `links/${name}/status`);
    if (wanted(status)) {
      return;
    }
    if (Date.now() > deadline) {
      throw new Error(`the link ${name} did not come to what was wanted: ${JSON.stringify(status)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A name that this run of a test has for itself: both projects share the clusters. */
export function named(stem: string, project: string): string {
  return `${stem}-${project === "no-js" ? "n" : "e"}`;
}
