-- The reconciler walks token changes in order of seq; the hub's own block is a change of the token too.

CREATE INDEX token_seq ON token (seq);

CREATE FUNCTION token_block_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE token t SET seq = nextval('change_seq')
      FROM (SELECT (coalesce(NEW, OLD)).*) b
     WHERE t.country_code = b.country_code AND t.party_id = b.party_id
       AND t.id_key = b.id_key AND t.type = b.type;
    RETURN NULL;
END $$;

CREATE TRIGGER token_block_changed AFTER INSERT OR UPDATE OR DELETE ON token_block
    FOR EACH ROW EXECUTE FUNCTION token_block_changed();
