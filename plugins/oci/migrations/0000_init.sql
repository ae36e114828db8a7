CREATE TABLE `oci_blobs` (
	`digest` text PRIMARY KEY NOT NULL,
	`size_bytes` integer NOT NULL,
	`created_at` integer NOT NULL,
	`state` text DEFAULT 'good' NOT NULL
);
--> statement-breakpoint
CREATE TABLE `oci_fresh_bytes` (
	`digest` text PRIMARY KEY NOT NULL,
	`bytes` blob NOT NULL
);
--> statement-breakpoint
CREATE TABLE `oci_leases` (
	`id` text PRIMARY KEY NOT NULL,
	`repository` text NOT NULL,
	`digest` text NOT NULL,
	`holder` text NOT NULL,
	`until` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `oci_leases_holder` ON `oci_leases` (`holder`);--> statement-breakpoint
CREATE INDEX `oci_leases_digest` ON `oci_leases` (`repository`,`digest`);--> statement-breakpoint
CREATE TABLE `oci_manifest_references` (
	`repository` text NOT NULL,
	`manifest` text NOT NULL,
	`child` text NOT NULL,
	`kind` text NOT NULL,
	PRIMARY KEY(`repository`, `manifest`, `child`, `kind`)
);
--> statement-breakpoint
CREATE INDEX `oci_manifest_references_child` ON `oci_manifest_references` (`repository`,`child`);--> statement-breakpoint
CREATE TABLE `oci_manifests` (
	`repository` text NOT NULL,
	`digest` text NOT NULL,
	`media_type` text NOT NULL,
	`artifact_type` text,
	`config_type` text,
	`subject` text,
	`annotations` text,
	`size_bytes` integer NOT NULL,
	`pushed_at` integer NOT NULL,
	`pushed_by` text NOT NULL,
	PRIMARY KEY(`repository`, `digest`)
);
--> statement-breakpoint
CREATE INDEX `oci_manifests_subject` ON `oci_manifests` (`repository`,`subject`,`digest`);--> statement-breakpoint
CREATE TABLE `oci_repositories` (
	`name` text PRIMARY KEY NOT NULL,
	`created_at` integer NOT NULL,
	`sparse` text
);
--> statement-breakpoint
CREATE TABLE `oci_repository_blobs` (
	`repository` text NOT NULL,
	`digest` text NOT NULL,
	`linked_at` integer NOT NULL,
	PRIMARY KEY(`repository`, `digest`)
);
--> statement-breakpoint
CREATE INDEX `oci_repository_blobs_digest` ON `oci_repository_blobs` (`digest`);--> statement-breakpoint
CREATE INDEX `oci_repository_blobs_linked` ON `oci_repository_blobs` (`linked_at`);--> statement-breakpoint
CREATE TABLE `oci_tag_history` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`repository` text NOT NULL,
	`tag` text NOT NULL,
	`digest` text,
	`at` integer NOT NULL,
	`by` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `oci_tag_history_tag` ON `oci_tag_history` (`repository`,`tag`,`seq`);--> statement-breakpoint
CREATE TABLE `oci_tags` (
	`repository` text NOT NULL,
	`name` text NOT NULL,
	`digest` text NOT NULL,
	`set_at` integer NOT NULL,
	`set_by` text NOT NULL,
	PRIMARY KEY(`repository`, `name`)
);
--> statement-breakpoint
CREATE INDEX `oci_tags_digest` ON `oci_tags` (`repository`,`digest`);