-- Client certificates' keys of clusters (mutual TLS).
-- PEM of the key, sealed as `v1:<key id>:<nonce>:<ciphertext>`; null where there is none.
ALTER TABLE clusters ADD COLUMN client_key TEXT;
