CREATE TABLE domains (
  domain TEXT PRIMARY KEY NOT NULL,
  app TEXT NOT NULL REFERENCES apps(name) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  proof TEXT,
  verified_at INTEGER,
  twin_proof TEXT
);
--> statement-breakpoint
CREATE INDEX domains_app ON domains (app);
