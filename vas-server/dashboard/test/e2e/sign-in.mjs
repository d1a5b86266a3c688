// Accounts: signing in and out, what a viewer may not do, and a session that ends while somebody works.

import assert from "node:assert/strict";
import { healthy, open, settled, shoot, step, until } from "./kit.mjs";

async function signIn(page, { username, password }) {
  await page.getByLabel("Name").fill(username);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

export async function walkSignIn(browser, { locked, shots }) {
  const { url, admin, viewer } = locked;
  const view = await open(browser, "dark");
  const { page } = view;
  view.expected.push(/status of 401/, /events' failed/);
  await step("whoever is not signed in is asked to", async () => {
    await page.goto(new URL("/devices?status=live", url).href);
    await page.waitForURL(/\/sign-in\?next=/);
    await page.getByLabel("Name").waitFor();
    await healthy(view, "sign-in");
    await signIn(page, { ...admin, password: "wrong" });
    await page.getByRole("alert").getByText("The name or the password is wrong.").waitFor();
    await shoot(page, shots, "sign-in-wrong");
    await signIn(page, admin);
    await page.waitForURL(/\/devices\?status=live/);
    await settled(page);
  });
  await step("no token is kept where scripts find it", async () => {
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie);
    assert.doesNotMatch(kept, /session|token|csrf/i);
  });
  await step("a session that ends is taken up again over the page", async () => {
    await view.context.clearCookies();
    await page.goto(new URL("/settings/profile", url).href).catch(() => undefined);
    await page.waitForURL(/\/sign-in/);
    await signIn(page, admin);
    await page.waitForURL(/\/settings\/profile/);
    await settled(page);
    await view.context.clearCookies();
    await page.getByRole("link", { name: "Bookmarks" }).first().click();
    const dialog = page.getByRole("dialog", { name: "Sign in again" });
    await dialog.waitFor();
    await shoot(page, shots, "sign-in-again");
    await healthy(view, "the dialog over the page");
    await dialog.getByLabel("Password").fill(admin.password);
    await dialog.getByRole("button", { name: "Sign in" }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByText("No bookmarks yet.").waitFor();
  });
  await step("who signs out is out", async () => {
    await page.getByRole("button", { name: `Signed in as ${admin.username}` }).click();
    await page.getByRole("menuitem", { name: "Sign out", exact: true }).click();
    await page.waitForURL(/\/sign-in\?reason=out/);
    await page.goto(new URL("/", url).href);
    await page.waitForURL(/\/sign-in/);
  });
  await step("a viewer sees no controls that are not theirs", async () => {
    await signIn(page, viewer);
    // Leaving before the answer is there would leave without a session.
    await page.waitForURL(({ pathname }) => pathname !== "/sign-in");
    await settled(page);
    await page.goto(new URL("/devices", url).href);
    await page.getByRole("heading", { name: "Devices" }).waitFor();
    await settled(page);
    assert.equal(await page.getByRole("button", { name: "Add camera" }).count(), 0);
    await page.goto(new URL("/settings/users", url).href);
    await page.getByText("You need admin. Ask an administrator.").waitFor();
    await shoot(page, shots, "forbidden");
    await until("no users in the list of settings", async () => (await page.getByRole("link", { name: "Users" }).count()) === 0);
  });
  await view.context.close();
}
