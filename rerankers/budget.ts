import { type Budget, RankineError } from "../src/core/index.js"

/** Throws `argument` for limits that are no numbers of at least 0. */
export function checkBudget(budget: Budget): void {
  for (const [name, value] of Object.entries(budget))
    if (value !== undefined && !(typeof value === "number" && value >= 0))
      throw new RankineError("argument", `budget.${name} must be a number of at least 0, got ${value}`)
}
