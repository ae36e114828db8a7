CREATE TABLE `oci_job_credentials` (
	`job_id` text PRIMARY KEY NOT NULL,
	`repository` text NOT NULL,
	`digest` text NOT NULL,
	`sealed_password` text NOT NULL,
	`password_digest` text NOT NULL,
	`made_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `oci_policies` (
	`name` text PRIMARY KEY NOT NULL,
	`repositories` text NOT NULL,
	`users` text NOT NULL,
	`groups` text NOT NULL,
	`jobs` text NOT NULL,
	`actions` text NOT NULL,
	`changed_at` integer NOT NULL,
	`changed_by` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `oci_refresh_tokens` (
	`digest` text PRIMARY KEY NOT NULL,
	`user_name` text NOT NULL,
	`door` text NOT NULL,
	`epoch` text NOT NULL,
	`used_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `oci_refresh_tokens_user` ON `oci_refresh_tokens` (`user_name`,`used_at`);