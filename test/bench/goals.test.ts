import test from "ava";
import { formatGoals, type Goal, verdictOf } from "../../bench/goals.ts";

const goal = (measured: readonly number[], bar?: Goal["bar"]): Goal => ({ what: "CPU", measured, ...(bar && { bar }) });

test("a goal is judged by the median of its rounds, and not by the best of them", (t) => {
  t.is(verdictOf(goal([1.3, 1.2, 1.4], { atMost: 1.25 })), "missed");
  t.is(verdictOf(goal([1.3, 1.2, 1.25], { atMost: 1.25 })), "met", "the bar itself is within");
  t.is(verdictOf(goal([1.9, 2.1, 1.8], { atLeast: 2 })), "missed");
  t.is(verdictOf(goal([1.9, 2.1, 2], { atLeast: 2 })), "met");
});

test("without a quiet round nothing is judged, and without a bar a figure is only shown", (t) => {
  t.is(verdictOf(goal([], { atMost: 1 })), "unjudged");
  t.is(verdictOf(goal([Number.NaN], { atMost: 1 })), "unjudged");
  t.is(verdictOf(goal([1])), "shown");
});

test("a row has the verdict, the bar, the median, the spread and the number of rounds", (t) => {
  const [, judged = "", unjudged = ""] = formatGoals([
    { ...goal([1.4, 1.1, 1.2], { atMost: 1.25 }), note: "beside" },
    goal([], { atLeast: 2 }),
  ]).split("\n");
  t.deepEqual(judged.split(/ {2,}/), ["met", "CPU", "<= 1.25", "1.20", "1.10..1.40", "3", "beside"]);
  t.deepEqual(unjudged.split(/ {2,}/), ["unjudged", "CPU", ">= 2", "no quiet round", "0"]);
});
