// Two people at one link, and forms that are sent twice.

import { type Page } from "@playwright/test";
import {
  api,
  axe,
  beginLink,
  control,
  expect,
  fillRow,
  freshWithClusters,
  go,
  makeLink,
  named,
  open,
  openForm,
  signIn,
  startLink,
  state,
  test,
  waitHydrated,
  world,
} from "../fixtures.ts";

test.beforeAll(freshWithClusters);

/** Goes through that form, up to the plan. */
async function edit(page: Page, options: Record<string, string>): Promise<void> {
  await go(page, "Continue");
  for (const [label, value] of Object.entries(options)) {
    await page.getByLabel(label).fill(value);
  }
  await go(page, "Continue");
  await expect(page.getByRole("heading", { name: "Plan", exact: true })).toBeVisible();
}

/** The cells of the conflict's row for a setting: before, theirs, ours. */
function versions(page: Page, setting: string) {
  const row = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: setting, exact: true }) });
  return row.getByRole("cell");
}

/** A link's settings as they are stored. */
async function spec(link: string): Promise<{ title: string; detect_interval_ms: number }> {
  const view = await api<{ spec: { title: string; detect_interval_ms: number } }>("GET", `links/${link}`);
  return view.spec;
}

/** How often people have done each kind of thing to a link; what the engine tells is left out. */
async function done(link: string): Promise<Record<string, number>> {
  const { items } = await api<{ items: { kind: string; actor: string }[] }>("GET", `links/${link}/events`);
  const counts: Record<string, number> = {};
  for (const { kind } of items.filter((event) => event.actor === "admin")) {
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

test("who saves second sees both versions and goes on without losing either", async ({ page, another }) => {
  const link = named("both", test.info().project.name);
  await makeLink(link, { title: "before" });
  await startLink(link);
  const other = await another();
  await signIn(page);
  await signIn(other);
  const interval = "Look for new topics every (seconds)";
  // Neither form may be taken for the other's, though one and the same person has begun both.
  await openForm(page, `/links/${link}/edit`);
  await openForm(other, `/links/${link}/edit`);
  await edit(page, { Title: "by the first", [interval]: "7" });
  await edit(other, { Title: "by the second" });
  await go(page, "Apply to the running link");
  await expect(page).toHaveURL(`/links/${link}`);

  // The answer is the plan's page itself, with both versions above it.
  await other.getByRole("button", { name: "Apply to the running link" }).click();
  await expect(other.getByRole("heading", { name: "Someone saved this link meanwhile. Nothing is lost." })).toBeVisible();
  await expect(versions(other, "title")).toHaveText(["before", "by the first", "by the second"]);
  await expect(other.getByRole("button", { name: "Apply to the running link" })).toBeDisabled();
  await waitHydrated(other);
  await axe(other);
  // What the first saved is in force until the second decides.
  expect((await spec(link)).title).toBe("by the first");

  await other.getByRole("button", { name: "Apply mine on top" }).click();
  await expect(other.getByText("Someone saved this link meanwhile")).toHaveCount(0);
  await waitHydrated(other);
  await go(other, "Apply to the running link");
  await expect(other).toHaveURL(`/links/${link}`);
  const saved = await spec(link);
  expect([saved.title, saved.detect_interval_ms]).toEqual(["by the second", 7_000]);
});

test("who saves a cluster second sees both versions and goes on without losing either", async ({ page, another }) => {
  const cluster = named("shared", test.info().project.name);
  await api("POST", "clusters", { name: cluster, title: "before", bootstrap: ["127.0.0.1:1"] });
  const other = await another();
  await signIn(page);
  await signIn(other);
  for (const one of [page, other]) {
    await openForm(one, `/clusters/${cluster}/edit`);
  }
  await page.getByLabel("Title", { exact: true }).fill("by the first");
  await page.getByLabel("Bootstrap addresses").fill("127.0.0.1:2");
  await other.getByLabel("Title", { exact: true }).fill("by the second");
  await go(page, "Save changes");
  await expect(page).toHaveURL(`/clusters/${cluster}`);

  // The answer is the form itself, with both versions above it.
  await other.getByRole("button", { name: "Save changes" }).click();
  await expect(other.getByText("Someone saved this cluster meanwhile").first()).toBeVisible();
  await expect(other.getByText("by the first").first()).toBeVisible();
  await expect(other.getByLabel("Title", { exact: true })).toHaveValue("by the second");
  await waitHydrated(other);
  await axe(other);
  await go(other, /on top/);
  await expect(other).toHaveURL(`/clusters/${cluster}`);
  const saved = await api<{ title: string; bootstrap: string[] }>("GET", `clusters/${cluster}`);
  expect([saved.title, ...saved.bootstrap]).toEqual(["by the second", "127.0.0.1:2"]);
});

test("a start pressed twice makes and starts one link", async ({ page }) => {
  const link = named("once", test.info().project.name);
  await control.createTopic("east", link);
  await signIn(page);
  await beginLink(page);
  await fillRow(page, 1, "exact", link);
  await go(page, "Continue");
  await page.getByLabel("Name", { exact: true }).fill(link);
  await go(page, "Continue");
  const plan = page.url();
  const sent = page.waitForRequest((request) => request.method() === "POST");
  await page.getByRole("button", { name: "Start link" }).dblclick();
  const form = (await sent).postData() ?? "";
  await page.waitForURL(`/links/${link}/first`);

  // As a browser does that loads the page behind the form once more.
  const again = await page.request.post("/fn/finish-link-form", {
    data: form,
    headers: { "Content-Type": "application/x-www-form-urlencoded", Origin: world.url, Referer: plan },
    maxRedirects: 0,
  });
  expect(new URL(again.headers().location ?? "", world.url).pathname).toBe(`/links/${link}/first`);
  const links = await api<{ items: { spec: { name: string } }[] }>("GET", "links");
  expect(links.items.filter((one) => one.spec.name.startsWith(link)).length).toBe(1);
  expect(await done(link)).toMatchObject({ "link.created": 1, "link.running": 1 });
});

test("a pause pressed twice pauses once", async ({ page }) => {
  const link = named("twice", test.info().project.name);
  await makeLink(link);
  await startLink(link);
  await signIn(page);
  await open(page, `/links/${link}`);
  await page.getByRole("button", { name: "Pause" }).dblclick();
  await expect(state(page, "paused")).toBeVisible();
  expect(await done(link)).toMatchObject({ "link.paused": 1 });
});
