CREATE TABLE traffic (
  app TEXT NOT NULL REFERENCES apps(name) ON DELETE CASCADE,
  hour INTEGER NOT NULL,
  figures TEXT NOT NULL,
  PRIMARY KEY (app, hour)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX traffic_hour ON traffic (hour);
