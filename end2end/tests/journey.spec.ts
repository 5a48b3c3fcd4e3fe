// What a new user does on the first day, from the setup link to the sign-out, with JavaScript and without.

import { readFile } from "node:fs/promises";
import { type Page } from "@playwright/test";
import {
  axeBothThemes,
  type ClusterFacts,
  control,
  enhanced,
  expect,
  fitsWidth,
  go,
  open,
  openUntil,
  shot,
  state,
  test,
  waitHydrated,
  world,
} from "../fixtures.ts";

const PASSWORD = "first-admin-of-the-day";

/** Looks at a page as people with other eyes, other screens and other themes do. */
async function look(page: Page, name: string): Promise<void> {
  await axeBothThemes(page);
  if (enhanced()) {
    await shot(page, name);
  }
  const before = page.viewportSize();
  await page.setViewportSize({ width: 360, height: 640 });
  await fitsWidth(page);
  if (before !== null) {
    await page.setViewportSize(before);
  }
}

/** Fills the form of a cluster and saves it. */
async function connect(page: Page, cluster: ClusterFacts, secured: boolean): Promise<void> {
  await page.getByLabel("Name", { exact: true }).fill(cluster.name);
  if (secured) {
    await page.getByLabel("Bootstrap addresses").fill(cluster.sasl_ssl_bootstrap);
    await page.getByLabel("Encryption").selectOption("tls_ca");
    await page.getByLabel("Sign-in").selectOption("SCRAM-SHA-512");
    const authority = page.getByLabel("Certificates of the authority");
    if (!(await authority.isVisible())) {
      await go(page, "Test connection");
    }
    await authority.fill(await readFile(cluster.ca_file, "utf8"));
    await page.getByLabel("User", { exact: true }).fill(cluster.user);
    await page.getByLabel("Password", { exact: true }).fill(cluster.password);
  } else {
    await page.getByLabel("Bootstrap addresses").fill(cluster.bootstrap);
  }
  await page.getByRole("button", { name: "Test connection" }).click();
  // The verdict stands once every rung is climbed, from the name to the advertised listeners of all brokers.
  await expect(page.locator("#ladder header .badge")).toHaveText("passed", { timeout: 25_000 });
  await look(page, `cluster-${cluster.name}`);
  if (secured) {
    expect(await page.content()).not.toContain(cluster.password);
  }
  await go(page, "Save");
}

/** The number in the tile of that name. */
function tile(page: Page, name: string) {
  const named = page.locator(".tile-name").getByText(name, { exact: true });
  return page.locator(".tile").filter({ has: named }).locator(".tile-value");
}

test("a new user sets up, links two clusters, watches, pauses, decides and signs out", async ({ page }) => {
  test.setTimeout(300_000);
  const began = Date.now();
  const suffix = enhanced() ? "e" : "n";
  // The control topic of a link outlives it, so each project has a name of its own.
  const link = `east-west-${suffix}`;
  const facts = await control.fresh({ admin: false });
  await control.createTopic("east", `orders-${suffix}`, { partitions: 3 });
  await control.createTopic("east", `payments-${suffix}`, { partitions: 1 });
  await control.createTopic("east", `payments-${suffix}.test`, { partitions: 1 });
  await control.produce("east", `orders-${suffix}`, 300);

  await test.step("the setup link makes the administrator", async () => {
    await page.goto(facts.setup_link ?? "");
    await waitHydrated(page);
    await look(page, "setup");
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByLabel("Password again").fill(PASSWORD);
    await go(page, "Make the administrator");
    await expect(page.getByText("There is none yet")).toBeVisible();
    await look(page, "overview-empty");
  });

  await test.step("both clusters are connected from within the form of a new link", async () => {
    await page.getByRole("link", { name: "Make the first link" }).click();
    await page.waitForURL(/\/links\/new\/.+\/source/);
    await waitHydrated(page);
    await page.getByRole("link", { name: "Connect another cluster" }).click();
    await page.waitForURL(/\/clusters\/new\/.+/);
    await waitHydrated(page);
    await connect(page, world.east, true);
    await page.waitForURL(/\/links\/new\/.+\/source/);
    await page.getByRole("radio", { name: /east/ }).check();
    await look(page, "wizard-source");
    await go(page, "Continue");
    await page.getByRole("link", { name: "Connect another cluster" }).click();
    await page.waitForURL(/\/clusters\/new\/.+/);
    await waitHydrated(page);
    await connect(page, world.west, false);
    await page.waitForURL(/\/links\/new\/.+\/destination/);
    await page.getByRole("radio", { name: /west/ }).check();
    await go(page, "Continue");
  });

  await test.step("topics are chosen by pattern and exclusion, and get a prefix", async () => {
    await page.getByLabel("Row 1: kind").selectOption("regex");
    await page.getByLabel("Row 1: name, prefix or pattern").fill(`(orders|payments)-${suffix}(?=.*)`);
    await page.getByRole("button", { name: "Add a row" }).click();
    await expect(page.getByText(/look-ahead is not supported/).first()).toBeVisible();
    await page.getByLabel("Row 1: name, prefix or pattern").fill(`(orders|payments)-${suffix}.*`);
    await page.getByLabel("Row 2: include or exclude").selectOption("exclude");
    await page.getByLabel("Row 2: kind").selectOption("prefix");
    await page.getByLabel("Row 2: name, prefix or pattern").fill(`payments-${suffix}.`);
    await page.getByLabel("Mirror topics are named").selectOption("prefix");
    const prefix = page.getByLabel("Prefix", { exact: true });
    if (!(await prefix.isVisible())) {
      await page.getByRole("button", { name: "Add a row" }).click();
      await waitHydrated(page);
    }
    await prefix.fill("us.");
    if (!enhanced()) {
      await page.getByRole("button", { name: "Preview" }).first().press("Enter");
    }
    await expect(page.getByText(`us.orders-${suffix}`, { exact: true })).toBeVisible({ timeout: 15_000 });
    await look(page, "wizard-topics");
    await go(page, "Continue");
  });

  await test.step("options have defaults; a loss shall be asked about", async () => {
    await expect(page.getByLabel("Name", { exact: true })).toHaveValue("east-west");
    await page.getByLabel("Name", { exact: true }).fill(link);
    await page.getByLabel("Records are gone before they were copied").selectOption("ask");
    await page.getByLabel("Look for new topics every (seconds)").fill("2");
    await look(page, "wizard-options");
    await go(page, "Continue");
  });

  await test.step("the plan tells what will be made, and the link starts", async () => {
    await expect(page.getByText(`us.orders-${suffix}`, { exact: true })).toBeVisible();
    await expect(page.getByText(`payments-${suffix}.test`)).toHaveCount(0);
    await look(page, "wizard-plan");
    await go(page, "Start link");
    await expect(async () => {
      if (!enhanced()) {
        await page.reload();
      }
      await expect(page.getByText(`us.orders-${suffix}`).first()).toBeVisible({ timeout: 1_000 });
    }).toPass({ timeout: 60_000 });
    const seconds = (Date.now() - began) / 1_000;
    console.log(`first record seen ${seconds.toFixed(1)} s after the start of the process`);
    expect(seconds, "seconds from the start of the process to the first record").toBeLessThan(120);
    await look(page, "first-record");
  });

  await test.step("live numbers move", async () => {
    await open(page, `/links/${link}`);
    await expect(async () => {
      await control.produce("east", `orders-${suffix}`, 1_000);
      if (!enhanced()) {
        await page.reload();
      }
      await expect(tile(page, "Records")).not.toHaveText(/^0(\.0)?\s*\/s$/, { timeout: 1_000 });
    }).toPass({ timeout: 30_000 });
    await look(page, "link");
    await open(page, "/");
    await look(page, "overview");
  });

  await test.step("paused, the link waits; what is deleted meanwhile is found and decided", async () => {
    await open(page, `/links/${link}`);
    await page.getByRole("button", { name: "Pause" }).click();
    await expect(state(page, "paused")).toBeVisible({ timeout: 15_000 });
    await control.produce("east", `orders-${suffix}`, 300);
    await control.deleteRecords("east", `orders-${suffix}`);
    await page.getByRole("button", { name: "Resume" }).click();
    await openUntil(page, `/links/${link}`, async () => {
      await expect(page.getByRole("button", { name: "Go on after it" }).first()).toBeVisible({ timeout: 1_000 });
    });
    await look(page, "link-held");
    await open(page, "/");
    await expect(page.getByText("Needs attention")).toBeVisible();
    await open(page, `/links/${link}`);
    const ways = page.getByRole("button", { name: "Go on after it" });
    // Each choice leaves one held partition fewer.
    for (let held = await ways.count(); held > 0; held = await ways.count()) {
      await ways.first().click();
      await openUntil(page, `/links/${link}`, async () => {
        expect(await ways.count()).toBeLessThan(held);
      });
    }
    await openUntil(page, `/links/${link}`, async () => {
      await expect(state(page, "mirroring")).toBeVisible({ timeout: 1_000 });
    });
  });

  await test.step("the clusters tell of their brokers, their release and the end of their certificate", async () => {
    const card = (name: string) =>
      page.getByRole("listitem").filter({ has: page.getByRole("heading", { name, exact: true }) });
    await openUntil(page, "/clusters", async () => {
      await expect(card("east").getByText("1 of 1 brokers up")).toBeVisible({ timeout: 1_000 });
    });
    await expect(card("east").getByText(/^Kafka 4\.\d$/)).toBeVisible();
    // It was made just now, for years.
    await expect(card("east").getByText(/\d more days$/)).toBeVisible();
    await expect(card("west").getByText("Certificate")).toHaveCount(0);
  });

  await test.step("all other pages can be read, then the user signs out", async () => {
    for (const path of ["links", "clusters", "events", "account", "search"].concat(
      ["topics", "config", "events", "findings"].map((tab) => `links/${link}/${tab}`),
    )) {
      await open(page, `/${path}`);
      await look(page, path.replaceAll("/", "-"));
    }
    await open(page, "/account");
    await page.getByRole("button", { name: /^Account of/ }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(/\/sign-in/);
    await open(page, `/links/${link}`);
    await expect(page).toHaveURL(/\/sign-in\?next=/);
  });
});
