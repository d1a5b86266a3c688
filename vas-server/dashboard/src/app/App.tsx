/** The whole dashboard: data, routes, and the shell around them. */

import { Route, Router } from "@solidjs/router";
import { QueryClientProvider } from "@tanstack/solid-query";
import { For, lazy } from "solid-js";
import { queryClient } from "../api/queries";
import { Shell } from "./Shell";
import { NotFound } from "./NotFound";

/** Every page is a chunk of its own. */
const PAGES = [
  { path: "/", component: lazy(() => import("../features/dashboard")) },
  { path: "/live/:view?", component: lazy(() => import("../features/live")) },
  { path: "/recordings/:ids?", component: lazy(() => import("../features/recordings")) },
  { path: "/bookmarks", component: lazy(() => import("../features/bookmarks")) },
  { path: "/snapshots", component: lazy(() => import("../features/snapshots")) },
  { path: "/devices/:id?", component: lazy(() => import("../features/devices")) },
  { path: "/analytics", component: lazy(() => import("../features/analytics")) },
  { path: "/settings/:tab?", component: lazy(() => import("../features/settings")) },
] as const;

const SignIn = lazy(() => import("../features/auth"));

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <Router>
        <Route path="/sign-in" component={SignIn} />
        <Route path="/" component={Shell}>
          <For each={PAGES}>{(page) => <Route path={page.path} component={page.component} />}</For>
          <Route path="*" component={NotFound} />
        </Route>
      </Router>
    </QueryClientProvider>
  );
}
