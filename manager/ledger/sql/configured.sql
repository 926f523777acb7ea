-- name: keep_prices: The account's prices, as the configuration says.
WITH wanted AS (
    SELECT a.id AS account_id, p.key AS endpoint, p.value::numeric AS credits
    FROM account a, jsonb_each_text(%(prices)s::jsonb) p WHERE a.name = %(account)s
), gone AS (
    DELETE FROM price USING account a
    WHERE price.account_id = a.id AND a.name = %(account)s AND NOT %(prices)s::jsonb ? price.endpoint
)
INSERT INTO price (account_id, endpoint, credits) SELECT * FROM wanted
ON CONFLICT (account_id, endpoint) DO UPDATE SET credits = excluded.credits
WHERE price.credits <> excluded.credits

-- name: price_jobs: What was packed before there were prices, and may still be bought.
UPDATE job j SET price = p.credits
FROM price p, lane l
WHERE j.ended_at IS NULL AND j.price IS NULL AND l.id = j.lane_id
  AND p.account_id = j.account_id AND p.endpoint = l.endpoint

-- name: unknown_accounts: Accounts that budgets name and the ledger does not have.
SELECT DISTINCT b.account FROM jsonb_to_recordset(%(budgets)s::jsonb) AS b (account text)
WHERE b.account IS NOT NULL AND NOT EXISTS (SELECT FROM account a WHERE a.name = b.account)

-- name: knows_timezone: Whether Postgres knows the time zone, too: Python brings a list of its own.
SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = %(timezone)s) AS known

-- name: keep_budgets: The budgets, as the configuration says. One that has changed is looked at anew.
WITH wanted AS (
    SELECT b.name, a.id AS account_id, b.tag, b.per, %(timezone)s AS timezone, b.credits, b.records, b.hard
    FROM jsonb_to_recordset(%(budgets)s::jsonb) AS b
        (name text, account text, tag text, per text, credits numeric, records bigint, hard boolean)
    LEFT JOIN account a ON a.name = b.account
), gone AS (
    DELETE FROM budget WHERE name NOT IN (SELECT name FROM wanted)
)
INSERT INTO budget AS b (name, account_id, tag, per, timezone, credits, records, hard)
SELECT * FROM wanted
ON CONFLICT (name) DO UPDATE SET
    account_id = excluded.account_id, tag = excluded.tag, per = excluded.per, timezone = excluded.timezone,
    credits = excluded.credits, records = excluded.records, hard = excluded.hard,
    blocked_until = NULL, reached_at = NULL
WHERE (b.account_id, b.timezone, b.credits, b.records)
      IS DISTINCT FROM (excluded.account_id, excluded.timezone, excluded.credits, excluded.records)
