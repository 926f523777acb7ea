-- name: note: Tells the account's targets, and those of the request, if it is one's, in this transaction. With
-- `once` no target is told of the same a second time. How many are told.
SELECT note(jsonb_build_array(jsonb_build_object(
    'name', %(event)s::text, 'account_id', %(account_id)s::integer, 'request_id', %(request_id)s::uuid,
    'once', %(once)s::text, 'payload', %(payload)s::jsonb))) AS told
