/** Who is signed in, and what they may do. */

import { createSignal } from "solid-js";
import { call, setCsrfToken } from "./client";
import { keys, queryClient } from "./queries";
import type { Scope, Session } from "./types";

const [session, setSession] = createSignal<Session | null>(null);

/** The session, or null while nobody is signed in or it is not known yet. */
export { session };

/** Whether the user may do what needs this scope. Reading it subscribes. */
export function can(scope: Scope): boolean {
  const scopes = session()?.scopes ?? [];
  return scopes.includes(scope) || scopes.includes("admin");
}

function take(next: Session): Session {
  setCsrfToken(next.csrf_token ?? null);
  setSession(next);
  queryClient.setQueryData(keys.session, next);
  return next;
}

/** Asks who is signed in; throws a 401 where nobody is. */
export async function loadSession(): Promise<Session> {
  return take(await call<Session>("/v2/auth/me"));
}

export async function signIn(username: string, password: string): Promise<Session> {
  return take(await call<Session>("/v2/auth/session", { method: "POST", body: { username, password } }));
}

/** Ends this session, or, with `everywhere`, every session of the user. What is cached goes. */
export async function signOut(everywhere = false): Promise<void> {
  await call(everywhere ? "/v2/auth/sessions" : "/v2/auth/session", { method: "DELETE" });
  setCsrfToken(null);
  setSession(null);
  queryClient.clear();
}
