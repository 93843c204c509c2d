import test from "ava";
import { median, quantile, ratios, spread } from "../../bench/statistics.ts";

test("a quantile is one of the values, the nearest by rank", (t) => {
  const values = [5, 1, 4, 2, 3];
  t.is(median(values), 3);
  t.is(quantile(values, 0.99), 5);
  t.is(quantile(values, 0), 1);
  t.is(median([2, 1]), 1);
  t.is(median([]), Number.NaN);
});

test("ratios are taken within a round, so that a slow round changes none of them", (t) => {
  t.deepEqual(ratios([2, 40], [1, 20]), [2, 2]);
  t.deepEqual(ratios([1, 2], [1]), [1, Number.NaN], "a round that the other has not");
});

test("a spread is from the smallest to the largest value", (t) => {
  t.is(spread([1.26, 0.9, 1]), "0.90..1.26");
  t.is(spread([1260, 900], 0), "900..1260");
});
