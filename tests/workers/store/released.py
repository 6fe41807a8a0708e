"""Rows as each revision's program left them, in SQL that both databases take.

What a revision added stands under it; a database at a revision has the rows of all up to it. A
`:now` is a moment, a `:request` what `submissions.request` returns. `'` quotes JSON.
"""

#: Revision -> statements.
ROWS: dict[str, tuple[str, ...]] = {
    "0001": (
        """INSERT INTO models (owner, id, definition, created_at)
        VALUES (:owner, 'm1', '{"language": "catalog", "name": "eight_schools"}', :now)""",
        """INSERT INTO jobs (id, owner, state, request, definition, input_key, seed,
            idempotency_key, body_digest, created_at, started_at, finished_at, attempts, progress,
            token, worker, result_prefix, event_count)
        VALUES ('done', :owner, 'succeeded', :request, '{"language": "graph"}', 'inputs/a.json', 7,
            NULL, NULL, :now, :now, :now, 2, '{"done": 5, "total": 5}', 2, 'host:1',
            'jobs/done/2', 3)""",
        """INSERT INTO jobs (id, owner, state, request, definition, input_key, seed, created_at,
            started_at, finished_at, attempts, error, token, event_count)
        VALUES ('failed', :owner, 'failed', :request, '{}', 'inputs/b.json', 7, :now, :now, :now, 1,
            '{"type": "urn:credence:problem:model-error", "detail": "d"}', 1, 1)""",
        """INSERT INTO jobs (id, owner, state, request, definition, input_key, seed, created_at,
            started_at, attempts, token, worker, lease_expires_at, event_count)
        VALUES ('running', :owner, 'running', :request, '{}', 'inputs/c.json', 7, :now, :now, 1, 1,
            'host:1', :now, 1)""",
        """INSERT INTO jobs (id, owner, state, request, definition, input_key, seed, created_at,
            event_count)
        VALUES ('queued', :owner, 'queued', :request, '{}', 'inputs/d.json', 7, :now, 1)""",
        """INSERT INTO labels (job_number, key, value)
        SELECT number, 'study', 'a' FROM jobs WHERE id = 'done'""",
        """INSERT INTO events (job_id, id, kind, payload, created_at)
        VALUES ('done', 1, 'state', '{"state": "queued"}', :now)""",
        """INSERT INTO events (job_id, id, kind, payload, created_at)
        VALUES ('done', 2, 'progress', '{"done": 5, "total": 5}', :now)""",
        """INSERT INTO events (job_id, id, kind, payload, created_at)
        VALUES ('done', 3, 'state', '{"state": "succeeded"}', :now)""",
        """INSERT INTO dispatchers (name, warm, seen_at) VALUES ('host:1', 2, :now)""",
    ),
    "0002": (
        """INSERT INTO datasets (owner, id, key, columns, bytes, created_at)
        VALUES (:owner, 'd1', 'datasets/d1/x.arrow',
            '[{"name": "y", "dtype": "int64", "shape": [2], "levels": null}]', 16, :now)""",
        """INSERT INTO dataset_uses (job_number, dataset_number)
        SELECT jobs.number, datasets.number FROM jobs, datasets WHERE jobs.id = 'running'""",
    ),
    "0003": (
        """INSERT INTO dispatchers (name, warm, trouble, seen_at)
        VALUES ('host:2', 0, 'refused: n2', :now)""",
    ),
    "0004": (
        """UPDATE jobs SET plan = '{"engine": {"kind": "nuts"}, "threads": 1,
            "tier": "interpreted", "compiled_from": 5, "why": []}' WHERE id = 'running'""",
    ),
    "0005": (
        """INSERT INTO owners (owner, served, running_limit, cpu_day, cpu_seconds)
        VALUES (:owner, 3, 4, NULL, 0)""",
        """INSERT INTO keys (id, owner, digest, scopes, note, quotas, created_at)
        VALUES ('k1', :owner, '$argon2id$x', 'read submit', 'laptop', '{"queued_jobs": 5}',
            :now)""",
        """INSERT INTO idempotency_keys (owner, key, job_id, expires_at)
        VALUES (:owner, 'again', 'done', :later)""",
        """INSERT INTO audit (at, key_id, owner, action, object, outcome)
        VALUES (:now, 'k1', :owner, 'submit_job', 'done', 'done')""",
        """UPDATE jobs SET rank = -5, cpus = 2, bytes = 100, weighed = true, claimed_at = :now,
            body_digest = 'digest' WHERE id = 'done'""",
    ),
    "0006": (
        """INSERT INTO measures (name, labels, part, value)
        VALUES ('credence_leases_lost', '{"cause":"worker"}', '', 3)""",
        """UPDATE jobs SET draws_expired_at = :now WHERE id = 'done'""",
    ),
    "0007": (
        """UPDATE jobs SET gpus = 1 WHERE id = 'done'""",
        """UPDATE dispatchers SET gpus = 2""",
    ),
}
