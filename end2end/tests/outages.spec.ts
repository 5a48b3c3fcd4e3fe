// What stays, and what a reader is told, while something around the page is away: Causeway itself, the stream, a
// cluster, the database.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type Page } from "@playwright/test";
import {
  api,
  axe,
  control,
  enhanced,
  expect,
  freshWithClusters,
  live,
  makeLink,
  named,
  open,
  openForm,
  openUntil,
  signIn,
  startLink,
  state,
  test,
  waitCopied,
  waitHydrated,
} from "../fixtures.ts";
import { Wire } from "../wire.ts";

test.beforeAll(freshWithClusters);

/** What a page complains of while its stream is tried again and again. */
const CUT = /ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)/;

/** Leaves a mark in the page that is gone when the page is loaded anew. */
async function mark(page: Page): Promise<void> {
  await page.evaluate(() => document.body.setAttribute("data-stays", "yes"));
}

async function expectNotReloaded(page: Page): Promise<void> {
  await expect(page.locator("body[data-stays]")).toBeAttached();
}

/** Notes the kinds of events that the page's streams bring, in order. */
async function listen(page: Page): Promise<string[]> {
  const kinds: string[] = [];
  const inspector = await page.context().newCDPSession(page);
  await inspector.send("Network.enable");
  inspector.on("Network.eventSourceMessageReceived", (event) => kinds.push(event.eventName));
  return kinds;
}

/** The rows of the overview's table of topics: each row's lag. */
function lag(page: Page, topic: string) {
  const row = page.getByRole("row").filter({ has: page.getByRole("link", { name: topic, exact: true }) });
  return row.locator("td[data-label=Lag]");
}

/** A link that copies, open in the page. */
async function atWork(page: Page, stem: string): Promise<string> {
  const link = named(stem, test.info().project.name);
  await makeLink(link);
  await startLink(link);
  await signIn(page);
  // Without script a page shows what was known when it was asked for.
  await openUntil(page, `/links/${link}`, async () => {
    await expect(lag(page, link)).toHaveText("up to date", { timeout: 5_000 });
  });
  return link;
}

/** Records at the destination. */
async function copied(topic: string): Promise<number> {
  const partitions = await control.watermarks("west", topic);
  return partitions.reduce((sum, [, end]) => sum + end, 0);
}

test("an open page outlives a restart of Causeway and goes on by itself", async ({ page, faults }) => {
  test.setTimeout(240_000);
  faults.expected(CUT);
  const link = await atWork(page, "restarted");
  if (!enhanced()) {
    await control.restart();
    await page.reload();
    await expect(page.getByRole("heading", { level: 1, name: link })).toBeVisible();
    return;
  }
  await expect(live(page)).toHaveText("live");
  await mark(page);
  await control.kill();
  await expect(live(page)).toHaveText(/^stale \d+ s$/, { timeout: 20_000 });
  await expect(page.locator("main")).toHaveClass(/\bstale\b/);
  await expect(page.getByRole("heading", { level: 1, name: link })).toBeVisible();
  await control.restart();
  await expect(live(page)).toHaveText("live", { timeout: 40_000 });
  await expect(page.locator("main")).not.toHaveClass(/\bstale\b/);
  // A killed process is missed by its workers' group for a while; until then the link waits.
  let written = 100;
  await expect(async () => {
    written += (await control.produce("east", link, 100)).written;
    await expect(page.locator(".tile-value").first()).not.toHaveText(/^0(\.0)?\s*\/s$/, { timeout: 1_000 });
  }).toPass({ timeout: 90_000 });
  await expectNotReloaded(page);
  await waitCopied(link);
  expect(await copied(link)).toBe(written);
});

test("an orderly restart is told as one and needs nobody's hand", async ({ page, faults }) => {
  test.skip(!enhanced(), "without JavaScript there is no stream");
  test.setTimeout(120_000);
  faults.expected(CUT);
  await atWork(page, "drained");
  await expect(live(page)).toHaveText("live");
  await mark(page);
  const kinds = await listen(page);
  await control.restart();
  await expect.poll(() => kinds.includes("bye")).toBe(true);
  await expect.poll(() => kinds.slice(kinds.indexOf("bye")).includes("snapshot"), { timeout: 40_000 }).toBe(true);
  await expect(live(page)).toHaveText("live");
  await expectNotReloaded(page);
});

test("a cut stream goes on where it ended, without a new page", async ({ page, faults }) => {
  test.skip(!enhanced(), "without JavaScript there is no stream");
  test.setTimeout(120_000);
  faults.expected(CUT);
  const link = await atWork(page, "cut");
  const wire = await Wire.begin();
  try {
    await open(page, `${wire.url}/links/${link}`);
    await expect(live(page)).toHaveText("live");
    await mark(page);
    const kinds = await listen(page);
    await expect.poll(() => kinds.length).toBeGreaterThan(1);
    wire.cut();
    await expect(live(page)).toHaveText(/^stale \d+ s$/, { timeout: 20_000 });
    await expect(page.locator("main")).toHaveClass(/\bstale\b/);
    await expect(page.getByRole("heading", { level: 1, name: link })).toBeVisible();
    const before = kinds.length;
    await control.produce("east", link, 500);
    wire.mend();
    await expect(live(page)).toHaveText("live", { timeout: 40_000 });
    await expect.poll(() => kinds.slice(before).includes("patch")).toBe(true);
    // Nothing is sent twice: what changed meanwhile comes as a patch.
    expect(kinds.slice(before)).not.toContain("snapshot");
    await expectNotReloaded(page);
  } finally {
    await wire.end();
  }
});

test("a stream that stands open without a word is noticed and opened anew", async ({ page }) => {
  test.skip(!enhanced(), "without JavaScript there is no stream");
  test.setTimeout(120_000);
  await atWork(page, "silent");
  await expect(live(page)).toHaveText("live");
  await mark(page);
  const { pid } = await control.facts();
  if (pid === null) {
    throw new Error("causeway is down");
  }
  process.kill(pid, "SIGSTOP");
  try {
    await expect(live(page)).toHaveText(/^stale \d+ s$/, { timeout: 20_000 });
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await expect(live(page)).toHaveText("live", { timeout: 40_000 });
  await expectNotReloaded(page);
});

test("a cluster that is down harms its own card and its links, and no other page waits for it", async ({ page }) => {
  test.setTimeout(180_000);
  const link = await atWork(page, "beside");
  await control.freezeCluster("west");
  try {
    const card = (name: string) =>
      page.getByRole("listitem").filter({ has: page.getByRole("heading", { name, exact: true }) });
    await openUntil(page, "/clusters", async () => {
      await expect(card("west").getByText("unreachable")).toBeVisible({ timeout: 1_000 });
    });
    await expect(card("east").getByText("reachable", { exact: true })).toBeVisible();
    await expect(card("west").getByText(/Cannot be reached since/)).toBeVisible();
    await control.produce("east", link, 10);
    await openUntil(page, `/links/${link}`, async () => {
      await expect(state(page, "waiting")).toBeVisible({ timeout: 1_000 });
    });
    for (const path of ["/", "/links", `/links/${link}`, "/clusters", "/clusters/east", "/clusters/west", "/events", "/account"]) {
      const began = Date.now();
      const answer = await page.goto(path);
      expect(answer?.status(), path).toBe(200);
      expect(Date.now() - began, `milliseconds of ${path}`).toBeLessThan(2_000);
      await waitHydrated(page);
    }
  } finally {
    await control.thawCluster("west");
  }
  await expect.poll(() => copied(link), { timeout: 60_000 }).toBe(110);
  await openUntil(page, "/clusters", async () => {
    await expect(page.getByText("unreachable")).toHaveCount(0);
    await expect(page.getByText("reachable", { exact: true })).toHaveCount(2, { timeout: 1_000 });
  });
});

/** Holds the database's only writer's place until the returned function is called. */
async function lockDatabase(): Promise<() => Promise<void>> {
  const { data_dir } = await control.facts();
  const program = [
    "import sqlite3, sys",
    "held = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)",
    "held.execute('BEGIN EXCLUSIVE')",
    "print('held', flush=True)",
    "sys.stdin.readline()",
    "held.execute('ROLLBACK')",
  ].join("\n");
  const holder = spawn("python3", ["-c", program, join(data_dir, "causeway.db")], { stdio: ["pipe", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  return async () => {
    const ended = once(holder, "exit");
    holder.stdin.end("\n");
    await ended;
  };
}

test("while the database is locked pages are read, changes are refused with a sentence, and nothing is lost", async ({
  page,
  faults,
}) => {
  test.setTimeout(180_000);
  // Refused posts are answered with 503.
  faults.expected(/status of 503|answer 503: POST/);
  const link = await atWork(page, "locked");
  const release = await lockDatabase();
  const lockedAt = Date.now();
  try {
    for (const path of ["/", "/links", "/clusters", "/events", "/account", `/links/${link}`]) {
      const began = Date.now();
      expect((await page.goto(path))?.status(), path).toBe(200);
      expect(Date.now() - began, `milliseconds of ${path}`).toBeLessThan(2_000);
      await waitHydrated(page);
    }
    await page.getByRole("button", { name: "Pause" }).click();
    await expect(page.getByText("The control database does not answer.").first()).toBeVisible({ timeout: 15_000 });
    await control.produce("east", link, 100);
    await expect.poll(() => copied(link), { timeout: 20_000 }).toBe(200);
    await expect.poll(() => Date.now() - lockedAt, { timeout: 15_000 }).toBeGreaterThan(10_000);
  } finally {
    await release();
  }
  expect((await api<{ phase: string }>("GET", `links/${link}/status`)).phase).toBe("running");
  await open(page, `/links/${link}`);
  await page.getByRole("button", { name: "Pause" }).click();
  await expect(state(page, "paused")).toBeVisible({ timeout: 15_000 });
  await page.getByRole("button", { name: "Resume" }).click();
  await control.produce("east", link, 100);
  await waitCopied(link);
  expect(await copied(link)).toBe(300);
});

test("a form that was sent while the database was locked is sent again with what was typed", async ({ page, faults }) => {
  const cluster = named("typed", test.info().project.name);
  test.setTimeout(120_000);
  faults.expected(/status of 503|answer 503: POST/);
  await signIn(page);
  await openForm(page, "/clusters/new");
  const release = await lockDatabase();
  try {
    await page.getByLabel("Name", { exact: true }).fill(cluster);
    await page.getByLabel("Bootstrap addresses").fill("kafka-1:9092");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await expect(page.getByText("The control database does not answer.").first()).toBeVisible({ timeout: 15_000 });
    await expect(page.getByText("load this page again, and it is sent once more")).toBeVisible();
    await axe(page);
  } finally {
    await release();
  }
  await page.reload();
  await expect(page).toHaveURL(`/clusters/${cluster}`);
  await expect(page.getByText("kafka-1:9092").first()).toBeVisible();
});
