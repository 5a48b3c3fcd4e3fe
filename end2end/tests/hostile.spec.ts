// Text that others made: markup, scripts, right-to-left marks and emoji. It is shown as text wherever it appears, runs
// nowhere, and breaks no page. A dialog or a breach of the page's policy fails any test; see fixtures.ts.

import { type Page } from "@playwright/test";
import {
  api,
  axe,
  beginLink,
  control,
  expect,
  fillRow,
  fitsWidth,
  freshWithClusters,
  makeLink,
  named,
  open,
  openForm,
  signIn,
  startLink,
  test,
  waitHydrated,
  world,
} from "../fixtures.ts";

test.beforeAll(freshWithClusters);

/** Markup that would run, in as little room as a title has. */
const SCRIPT = `"'><img src=x onerror=alert(1)><script>alert(2)</script>`;
/** Letters from right to left, a mark that turns the rest around, and letters of several code points. */
const FOREIGN = "\u202eשלום مرحبا 🐘👩‍👩‍👧 ${alert(3)} {{4}}";

/** Fails where hostile text has become part of the page. */
async function expectHarmless(page: Page): Promise<void> {
  await expect(page.locator("img[src=x]")).toHaveCount(0);
  await expect(page.locator("script", { hasText: "alert(2)" })).toHaveCount(0);
}

test("titles of links and clusters are text on every page", async ({ page }) => {
  const link = named("titled", test.info().project.name);
  const cluster = named("title", test.info().project.name);
  await api("POST", "clusters", { name: cluster, title: `${SCRIPT} ${FOREIGN}`, bootstrap: ["127.0.0.1:1"] });
  await makeLink(link, { title: `${FOREIGN} ${SCRIPT}` });
  await signIn(page);
  for (const path of ["/", "/links", `/links/${link}`, `/links/${link}/topics`, `/links/${link}/config`,
    `/links/${link}/events`, `/links/${link}/delete`, "/clusters", `/clusters/${cluster}`, `/clusters/${cluster}/remove`,
    "/events"]) {
    await open(page, path);
    await expectHarmless(page);
    await page.setViewportSize({ width: 360, height: 640 });
    await fitsWidth(page);
    await page.setViewportSize({ width: 1440, height: 900 });
  }
  await open(page, `/links/${link}`);
  await expect(page.getByText("<script>alert(2)</script>").first()).toBeVisible();
  // Turned letters stay within their own element.
  await expect(page.locator("bdi", { hasText: "<script>" }).first()).toBeVisible();
  await open(page, "/clusters");
  await expect(page.getByText("<script>alert(2)</script>").first()).toBeVisible();
  await axe(page);
  await openForm(page, `/clusters/${cluster}/edit`);
  await expect(page.getByLabel("Title", { exact: true })).toHaveValue(`${SCRIPT} ${FOREIGN}`);
  await expectHarmless(page);
});

test("topics, records and their findings with every sign that Kafka allows are shown as they are", async ({ page }) => {
  const link = named("A.signs_--..0", test.info().project.name);
  const name = named("signs", test.info().project.name);
  await control.createTopic("east", link, { partitions: 2 });
  await control.produce("east", link, [
    { key: SCRIPT, value: FOREIGN },
    { key: FOREIGN, value: SCRIPT },
  ]);
  await api("POST", "links", {
    name,
    source: "east",
    destination: "west",
    topics: { include: [{ kind: "exact", pattern: link }] },
  });
  await startLink(name);
  await signIn(page);
  await open(page, `/links/${name}`);
  await expect(page.getByText(link, { exact: true }).first()).toBeVisible();
  await expectHarmless(page);
  await page.getByRole("link", { name: link, exact: true }).first().click();
  await page.waitForURL(/topics\?/);
  await expect(page.getByText(link, { exact: true }).first()).toBeVisible();
  expect(await page.content()).not.toContain("alert(");
});

test("patterns, names and filters come back as they were typed", async ({ page }) => {
  await signIn(page);
  await beginLink(page);
  await fillRow(page, 1, "regex", SCRIPT);
  await page.getByLabel("Mirror topics are named").selectOption("prefix");
  await page.getByRole("button", { name: "Add a row" }).click();
  await expect(page.getByLabel("Row 2: kind")).toBeVisible();
  await waitHydrated(page);
  await page.getByLabel("Row 2: name, prefix or pattern").fill(FOREIGN);
  await page.getByLabel("Prefix", { exact: true }).fill(SCRIPT);
  await page.getByRole("button", { name: "Continue", exact: true }).last().click();
  await expect(page.getByLabel("Row 1: name, prefix or pattern")).toHaveValue(SCRIPT);
  await expect(page.getByLabel("Row 2: name, prefix or pattern")).toHaveValue(FOREIGN);
  await expect(page.getByLabel("Prefix", { exact: true })).toHaveValue(SCRIPT);
  await expectHarmless(page);
  await axe(page);
});

test("addresses that nobody made are answered as text", async ({ page, faults }) => {
  faults.expected(/status of (400|404)/);
  await signIn(page);
  const evil = encodeURIComponent(SCRIPT);
  for (const path of [`/links/${evil}`, `/clusters/${evil}`, `/${evil}`, `/links?q=${evil}`, `/search?q=${evil}`, `/events?after=${evil}`,
    `/account?done=${evil}&made=${evil}`, `/sign-in?next=${evil}`, `/?__err=${evil}&__path=${evil}`]) {
    await open(page, path);
    await expectHarmless(page);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  }
});

test("what a browser calls itself is text in the list of sessions", async ({ page, another }) => {
  // A header holds no more than this.
  const strange = await another({ userAgent: "<img src=x onerror=alert(1)><script>alert(2)</script> Firefox/1" });
  await signIn(strange);
  await signIn(page);
  await open(page, "/account");
  await expect(page.locator("table.sessions tbody tr").nth(1)).toBeVisible();
  await expectHarmless(page);
});

test("a name that nobody may have and a password of markup are refused with their text kept", async ({ page, faults }) => {
  faults.expected(/status of (401|429)/);
  await open(page, "/sign-in");
  await page.getByLabel("Name", { exact: true }).fill(`${SCRIPT} ${FOREIGN}`);
  await page.getByLabel("Password", { exact: true }).fill(SCRIPT);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByText("Name or password is wrong.")).toBeVisible();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue(`${SCRIPT} ${FOREIGN}`);
  expect(page.url()).not.toContain("alert(2)");
  await expectHarmless(page);
});

test("a cluster's refusal is told in Causeway's own words", async ({ page }) => {
  const cluster = named("refused", test.info().project.name);
  await signIn(page);
  // The broker repeats the name in its refusal, which is none of our words.
  await api("POST", "clusters", {
    name: cluster,
    bootstrap: world.east.sasl_plaintext_bootstrap.split(","),
    sasl: { mechanism: "SCRAM-SHA-512", username: SCRIPT, password: FOREIGN },
  });
  await open(page, `/clusters/${cluster}`);
  await page.getByRole("button", { name: /^Test/ }).click();
  await expect(page.locator(".ladder").getByText("failed", { exact: true })).toBeVisible({ timeout: 25_000 });
  await expectHarmless(page);
  await expect(page.getByText("Correct user name and password.")).toBeVisible();
  await axe(page);
  expect(await page.content()).not.toContain("\u202eשלום مرحبا");
});
