ALTER TABLE releases ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
--> statement-breakpoint
ALTER TABLE releases ADD COLUMN layers INTEGER NOT NULL DEFAULT 0;
--> statement-breakpoint
ALTER TABLE releases ADD COLUMN files BLOB;
--> statement-breakpoint
ALTER TABLE snapshots ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
--> statement-breakpoint
ALTER TABLE snapshots ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
--> statement-breakpoint
ALTER TABLE snapshots ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
--> statement-breakpoint
ALTER TABLE snapshots ADD COLUMN source INTEGER;
--> statement-breakpoint
ALTER TABLE snapshots ADD COLUMN changed TEXT;
--> statement-breakpoint
ALTER TABLE snapshots ADD COLUMN paths BLOB;
--> statement-breakpoint
CREATE TABLE copies (
  image TEXT PRIMARY KEY NOT NULL,
  copy TEXT NOT NULL
);
