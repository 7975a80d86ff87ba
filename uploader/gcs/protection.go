package gcs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// bucket is what the JSON API returns on the protection of a bucket's objects: cloud.google.com/storage/docs/json_api/v1/buckets.
type bucket struct {
	Versioning struct {
		Enabled bool `json:"enabled"`
	} `json:"versioning"`
	SoftDelete struct {
		Seconds int64 `json:"retentionDurationSeconds,string"`
	} `json:"softDeletePolicy"`
	Retention struct {
		Seconds int64 `json:"retentionPeriod,string"`
		Locked  bool  `json:"isLocked"`
	} `json:"retentionPolicy"`
	ObjectRetention struct {
		Mode string `json:"mode"`
	} `json:"objectRetention"`
}

// Protection returns the bucket's versioning, soft delete and retention.
func (s *Store) Protection(ctx context.Context, _ objstore.Stored) []objstore.Protection {
	b, err := s.getBucket(ctx)
	if err != nil {
		return []objstore.Protection{{
			Name: "versioning and retention", Permission: "storage.buckets.get (roles/storage.legacyBucketReader)",
			Err: s.wrapError(ctx, "look at", "the bucket", err),
		}}
	}
	states := []objstore.Protection{
		{Name: "versioning", State: "off: an object that is deleted or replaced is gone, when soft delete ends"},
		{Name: "soft delete", State: "off"},
		{Name: "retention of the bucket", State: "none"},
		{
			Name: "retention of objects", State: "off",
			NoLock: "switch object retention on for the bucket (gcloud storage buckets update --enable-per-object-retention), or remove uploader.objectLock",
		},
	}
	if b.Versioning.Enabled {
		states[0].State = "on"
	}
	if b.SoftDelete.Seconds > 0 {
		states[1].State = "for " + formatDays(b.SoftDelete.Seconds)
	}
	if b.Retention.Seconds > 0 {
		states[2].State = fmt.Sprintf(
			"%s, %s", formatDays(b.Retention.Seconds),
			map[bool]string{true: "locked", false: "not locked"}[b.Retention.Locked],
		)
	}
	if b.ObjectRetention.Mode == "Enabled" {
		states[3].State, states[3].NoLock = "on", ""
	}
	return states
}

func (s *Store) getBucket(ctx context.Context) (*bucket, error) {
	answer, err := s.sendRequest(ctx, request{
		method: http.MethodGet, url: s.bucketURL, query: url.Values{
			"fields": {"versioning,softDeletePolicy,retentionPolicy,objectRetention"},
		},
	})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var b bucket
	if err := json.NewDecoder(transport.ClassifyReads(ctx, answer.Body)).Decode(&b); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return &b, nil
}

// formatDays returns a time for people: Google counts in seconds what people count in days.
func formatDays(seconds int64) string {
	const day = 24 * 60 * 60
	if seconds%day == 0 {
		return fmt.Sprintf("%d days", seconds/day)
	}
	return (time.Duration(seconds) * time.Second).String()
}
