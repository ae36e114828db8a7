CREATE TABLE `oci_care` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `oci_findings` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`digest` text NOT NULL,
	`repository` text NOT NULL,
	`detail` text NOT NULL,
	`found_at` integer NOT NULL,
	`repaired_at` integer,
	`repaired_by` text
);
--> statement-breakpoint
CREATE INDEX `oci_findings_digest` ON `oci_findings` (`digest`,`repaired_at`);--> statement-breakpoint
CREATE INDEX `oci_findings_open` ON `oci_findings` (`repaired_at`,`found_at`);--> statement-breakpoint
CREATE TABLE `oci_unverified` (
	`digest` text PRIMARY KEY NOT NULL
);
--> statement-breakpoint
ALTER TABLE `oci_tag_history` ADD `action` text DEFAULT 'push' NOT NULL;