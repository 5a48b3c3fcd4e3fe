// What every browser test begins with: a `test` that notices each fault of a page, and the steps all journeys share.

import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { type BrowserContext, type Page, test as base, expect } from "@playwright/test";
import { control, target, world } from "./world.ts";

export { expect } from "@playwright/test";
export * from "./arrange.ts";
export * from "./world.ts";

/** Faults that pages have shown; a test that provokes one on purpose says so by `expected`. */
class Faults {
  private found: string[] = [];
  private awaited: RegExp[] = [];

  /** Lets faults pass whose text matches: a test that ends the server must expect the page to complain. */
  expected(pattern: RegExp): void {
    this.awaited.push(pattern);
  }

  note(fault: string): void {
    this.found.push(fault);
  }

  unexpected(): string[] {
    return this.found.filter((fault) => !this.awaited.some((pattern) => pattern.test(fault)));
  }
}

function watch(context: BrowserContext, faults: Faults): void {
  const ours = (url: string) => url.startsWith(`${world.url}/`);
  context.on("console", (message) => {
    if (message.type() === "error") {
      faults.note(`console error: ${message.text()} (${message.location().url})`);
    }
  });
  context.on("weberror", (error) => faults.note(`page error: ${error.error()}`));
  // The console asks by pages of its own, so a dialog is somebody else's script.
  context.on("dialog", async (dialog) => {
    faults.note(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  context.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText ?? "unknown";
    // Leaving a page ends what it still loads, its event stream above all. Where scripts are off, none is loaded.
    const harmless = reason === "net::ERR_ABORTED" || (reason === "csp" && !enhanced());
    if (ours(request.url()) && !harmless) {
      faults.note(`request failed: ${request.method()} ${request.url()}: ${reason}`);
    }
  });
  context.on("response", (response) => {
    if (ours(response.url()) && response.status() >= 500) {
      faults.note(`answer ${response.status()}: ${response.request().method()} ${response.url()}`);
    }
  });
}

/** Opens the page of another browser: its own cookies, the same watch over its faults. */
type Another = (options?: { userAgent?: string }) => Promise<Page>;

/** Playwright's `test`, which also fails on any console error, page error or failed request to Causeway. */
export const test = base.extend<{ faults: Faults; another: Another }>({
  another: async ({ browser, faults }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (options = {}) => {
      const context = await browser.newContext(options);
      contexts.push(context);
      watch(context, faults);
      return context.newPage();
    });
    for (const context of contexts) {
      await context.close();
    }
  },
  faults: [
    async ({ context }, use) => {
      const faults = new Faults();
      watch(context, faults);
      await use(faults);
      expect(faults.unexpected(), "faults that pages have shown").toEqual([]);
    },
    { auto: true },
  ],
});

/** Says whether this test runs in the project with JavaScript. */
export function enhanced(): boolean {
  return test.info().project.name !== "no-js";
}

/** Waits until the page's own code has taken over; without JavaScript there is nothing to wait for. */
export async function waitHydrated(page: Page): Promise<void> {
  if (enhanced()) {
    await page.locator("html[data-hydrated], body[data-hydrated]").first().waitFor({ state: "attached" });
  }
}

/** Goes to a page and waits until it can be used. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await waitHydrated(page);
}

/** Presses what leads to another page, and waits until that can be used. */
export async function go(page: Page, name: string | RegExp): Promise<void> {
  const before = page.url();
  await page.getByRole("button", { name, exact: typeof name === "string" }).first().click();
  await page.waitForURL((url) => url.href !== before);
  await waitHydrated(page);
}

/** Signs in as the administrator and waits for the page behind. */
export async function signIn(page: Page): Promise<void> {
  await open(page, "/sign-in");
  await signInHere(page);
}

/** Signs in on the page that is open, as somebody whom it asks to. */
export async function signInHere(page: Page): Promise<void> {
  const { admin_password } = await control.facts();
  if (admin_password === null) {
    throw new Error("there is no administrator yet: begin with control.fresh({ admin: true })");
  }
  await waitHydrated(page);
  await page.getByLabel("Name", { exact: true }).fill("admin");
  await page.getByLabel("Password", { exact: true }).fill(admin_password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => url.pathname !== "/sign-in");
  await waitHydrated(page);
}

/** Opens a page that stores a draft and leads on to its form, and waits until that can be used. */
export async function openForm(page: Page, path: string): Promise<void> {
  await open(page, path);
  await page.waitForURL((url) => url.pathname !== path);
  await waitHydrated(page);
}

/** Begins the form of a new link from east to west, up to its topics. */
export async function beginLink(page: Page): Promise<void> {
  await openForm(page, "/links/new");
  for (const cluster of [/east/, /west/]) {
    await page.getByRole("radio", { name: cluster }).check();
    await go(page, "Continue");
  }
}

/** Fills in one row of the topics' step. */
export async function fillRow(page: Page, row: number, kind: string, pattern: string): Promise<void> {
  await page.getByLabel(`Row ${row}: kind`).selectOption(kind);
  await page.getByLabel(`Row ${row}: name, prefix or pattern`).fill(pattern);
}

/** The live indicator's word. */
export function live(page: Page) {
  return page.locator(".live-word");
}

/** A link's state, as the head of its pages shows it. */
export function state(page: Page, word: string) {
  return page.locator(".badge").getByText(word).first();
}

/** Opens a page again and again until what is asked of it holds: without script it shows one moment. */
export async function openUntil(page: Page, path: string, holds: () => Promise<void>): Promise<void> {
  await expect(async () => {
    await open(page, path);
    await holds();
  }).toPass({ timeout: 60_000 });
}

/** Fails on each serious or critical fault of accessibility that axe finds in the page as it is now. */
export async function axe(page: Page): Promise<void> {
  const found = enhanced()
    ? await new AxeBuilder({ page }).analyze()
    : await withCopy(page, (copy) => new AxeBuilder({ page: copy }).analyze());
  const grave = found.violations
    .filter((violation) => violation.impact === "serious" || violation.impact === "critical")
    .map((violation) => `${violation.id}: ${violation.help}\n  ${violation.nodes.map((n) => n.html).join("\n  ")}`);
  expect(grave, `accessibility of ${page.url()}`).toEqual([]);
}

/** Shows the page's HTML, without its scripts, in a tab that can run axe: where scripts are off, it never answers. */
async function withCopy<T>(page: Page, use: (copy: Page) => Promise<T>): Promise<T> {
  const dark = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
  const context = await page.context().browser()?.newContext({
    storageState: await page.context().storageState(),
    viewport: page.viewportSize(),
    colorScheme: dark ? "dark" : "light",
    javaScriptEnabled: true,
  });
  if (context === undefined) {
    throw new Error("the page's browser is gone");
  }
  try {
    const copy = await context.newPage();
    const body = (await page.content()).replace(/<script\b[^]*?<\/script>/g, "");
    await copy.route(page.url(), (route) => route.fulfill({ contentType: "text/html; charset=utf-8", body }));
    await copy.goto(page.url());
    return await use(copy);
  } finally {
    await context.close();
  }
}

/** As `axe`, in the light and in the dark theme. */
export async function axeBothThemes(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await axe(page);
  }
  await page.emulateMedia({ colorScheme: null });
}

/** Widths that pages are looked at: a desk's and a phone's. */
const WIDTHS = [
  { width: 1440, height: 900 },
  { width: 360, height: 640 },
];

/** Saves the whole page light and dark, wide and narrow, as `<name>-<theme>-<width>.png` in the screenshots' folder. */
export async function shot(page: Page, name: string): Promise<void> {
  const before = page.viewportSize();
  for (const size of WIDTHS) {
    await page.setViewportSize(size);
    await page.evaluate(() => window.scrollTo(0, 0));
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({
        path: join(target, "screenshots", `${name}-${colorScheme}-${size.width}.png`),
        fullPage: true,
        animations: "disabled",
      });
    }
  }
  await page.emulateMedia({ colorScheme: null });
  if (before !== null) {
    await page.setViewportSize(before);
  }
}

/** Fails where the page is wider than the window: at phone width nothing may stick out. */
export async function fitsWidth(page: Page): Promise<void> {
  const width = page.viewportSize()?.width ?? 0;
  const content = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(content, `width of ${page.url()}`).toBeLessThanOrEqual(width);
}
