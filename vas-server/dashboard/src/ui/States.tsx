/** How a part of a page looks while it loads, when it is empty, and when its call failed: everywhere the same. */

import { createSignal, onCleanup, Show, type JSX } from "solid-js";
import { ApiError } from "../api/problem";
import { t } from "../i18n";
import { shortTime } from "../i18n/time";
import { Button } from "./Button";
import { cx } from "./cx";
import styles from "./States.module.css";

/** Time before a skeleton shows, in milliseconds: what is quick does not flash. */
const PATIENCE = 150;

/** Grey bars in place of what is being loaded. */
export function Skeleton(props: { readonly rows?: number; readonly class?: string }) {
  const [late, setLate] = createSignal(false);
  const timer = window.setTimeout(() => setLate(true), PATIENCE);
  onCleanup(() => window.clearTimeout(timer));
  return (
    <div class={cx(styles["skeleton"], props.class)} role="status" aria-label={t("state.loading")}>
      <Show when={late()}>
        {Array.from({ length: props.rows ?? 3 }, () => (
          <div class={styles["bar"]} />
        ))}
      </Show>
    </div>
  );
}

/** One sentence and one action. */
export function EmptyState(props: { readonly text: string; readonly action?: JSX.Element }) {
  return (
    <div class={styles["state"]}>
      <p>{props.text}</p>
      {props.action}
    </div>
  );
}

/** Seconds left of a time to wait, counted down. */
function countdown(seconds: number, done: () => void): () => number {
  const [left, setLeft] = createSignal(seconds);
  const timer = window.setInterval(() => {
    setLeft((value) => value - 1);
    if (left() <= 0) {
      window.clearInterval(timer);
      done();
    }
  }, 1_000);
  onCleanup(() => window.clearInterval(timer));
  return left;
}

/** The sentence for an error, in the user's language where it is one that we know. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof ApiError)) return t("state.failed");
  if (error.status === 0) return t("state.unreachable");
  const text = error.message;
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

interface ErrorStateProps {
  readonly error: unknown;
  readonly onRetry?: () => void;
  /** Data from before is still shown: time of its last update. */
  readonly since?: number;
  /** In one line, above what is still shown. */
  readonly compact?: boolean;
}

/** What went wrong, a way to try again, and the request's id for whoever is asked for help. */
export function ErrorState(props: ErrorStateProps) {
  const api = (): ApiError | null => (props.error instanceof ApiError ? props.error : null);
  const isForbidden = (): boolean => api()?.status === 403;
  const isGone = (): boolean => api()?.status === 404;
  const [copied, setCopied] = createSignal(false);
  const wait = api()?.status === 429 ? (api()?.retryAfter ?? 0) : 0;
  const left = wait > 0 ? countdown(wait, () => props.onRetry?.()) : null;
  const copy = async (id: string): Promise<void> => {
    await navigator.clipboard.writeText(id);
    setCopied(true);
  };
  const sentence = (): string => {
    if (left) return t("state.tooMany", { seconds: Math.max(0, left()) });
    const scope = api()?.details?.["scope"] ?? api()?.details?.["required_scope"];
    if (isForbidden() && typeof scope === "string") return t("state.forbidden", { scope });
    return sentenceOf(props.error);
  };
  return (
    <div class={cx(styles["state"], props.compact && styles["compact"])} role="alert">
      <p>
        {sentence()}
        <Show when={props.since}>{(since) => <span class="t3"> {t("state.notUpdated", { time: shortTime(since()) })}</span>}</Show>
      </p>
      <div class={styles["actions"]}>
        <Show when={props.onRetry && !left && !isForbidden() && !isGone()}>
          <Button size="small" onClick={() => props.onRetry?.()}>{t("state.retry")}</Button>
        </Show>
        <Show when={api()?.requestId}>
          {(id) => (
            <Button size="small" look="quiet" title={id()} onClick={() => void copy(id())}>
              {copied() ? t("state.copied") : t("state.copyId")}
            </Button>
          )}
        </Show>
      </div>
    </div>
  );
}

/** The part of a query that is looked at here. */
interface QueryLike<T> {
  readonly data: T | undefined;
  readonly error: Error | null;
  readonly isPending: boolean;
  readonly dataUpdatedAt: number;
  readonly refetch: () => unknown;
}

interface QueryStatesProps<T> {
  readonly query: QueryLike<T>;
  readonly rows?: number;
  readonly isEmpty?: (data: T) => boolean;
  readonly empty?: JSX.Element;
  readonly children: (data: () => T) => JSX.Element;
}

/** A query's data with all its states. What was loaded before stays when a later call fails. */
export function QueryStates<T>(props: QueryStatesProps<T>) {
  const failed = (): boolean => props.query.error !== null;
  return (
    <Show
      when={props.query.data !== undefined ? { data: props.query.data } : undefined}
      fallback={
        <Show when={failed()} fallback={<Skeleton rows={props.rows ?? 3} />}>
          <ErrorState error={props.query.error} onRetry={() => void props.query.refetch()} />
        </Show>
      }
    >
      {(there) => {
        const data = (): T => there().data as T;
        return (
          <>
            <Show when={failed()}>
              <ErrorState compact error={props.query.error} since={props.query.dataUpdatedAt} onRetry={() => void props.query.refetch()} />
            </Show>
            <Show when={!props.isEmpty?.(data())} fallback={props.empty}>
              {props.children(data)}
            </Show>
          </>
        );
      }}
    </Show>
  );
}
