package gcs

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// maxListed is the most that Google lists at once: cloud.google.com/storage/docs/json_api/v1/objects/list. It may list fewer.
const maxListed = 1000

// objectList is one page of a listing.
type objectList struct {
	Items         []object `json:"items"`
	NextPageToken string   `json:"nextPageToken"`
}

// List lists objects.
func (s *Store) List(ctx context.Context, prefix string, limit int) iter.Seq2[objstore.Listed, error] {
	return objstore.CheckListing(prefix, limit, func(yield func(objstore.Listed, error) bool) {
		query := url.Values{"prefix": {prefix}, "fields": {"items(name,size,updated),nextPageToken"}}
		if limit > 0 {
			query.Set("maxResults", strconv.Itoa(min(limit, maxListed)))
		}
		for {
			page, err := s.listPage(ctx, query)
			if err != nil {
				yield(objstore.Listed{}, s.wrapError(ctx, "list the objects below", prefix, err))
				return
			}
			for _, o := range page.Items {
				if !yield(newListed(o)) {
					return
				}
			}
			if page.NextPageToken == "" {
				return
			}
			query.Set("pageToken", page.NextPageToken)
		}
	})
}

func newListed(o object) (objstore.Listed, error) {
	size, err := strconv.ParseInt(o.Size, 10, 64)
	if err != nil {
		return objstore.Listed{}, fmt.Errorf("list the object %s: size: %w", o.Name, err)
	}
	return objstore.Listed{Key: o.Name, Size: size, Modified: o.Updated}, nil
}

func (s *Store) listPage(ctx context.Context, query url.Values) (*objectList, error) {
	r := request{method: http.MethodGet, url: s.objectsURL, query: query}
	answer, err := s.sendRequest(transport.ExpectListing(ctx), r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var page objectList
	if err := json.NewDecoder(transport.ClassifyReads(ctx, answer.Body)).Decode(&page); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return &page, nil
}
