-- A claim that was never answered can be taken over: under the same effect, so that nothing happens twice.

ALTER TABLE idempotency
    ADD COLUMN effect_id  text NOT NULL DEFAULT '',        -- names what the first call brings about: the charge's id
    ADD COLUMN claimed_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN location   text;                            -- part of the answer that is given again
