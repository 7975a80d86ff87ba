package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

type blobObject struct{ client *blockblob.Client }

// openBlob takes the variables that the az command knows, in its order; without any of them the SDK's default credential.
func openBlob(_ context.Context, out io.Writer, u *url.URL) (object, error) {
	account, _, _ := strings.Cut(u.Host, ".")
	container, name, ok := strings.Cut(key(u), "/")
	if !ok {
		return nil, fmt.Errorf("%s names no blob in a container", u)
	}
	var client *blockblob.Client
	var err error
	connection, accountKey, sas := os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), os.Getenv("AZURE_STORAGE_KEY"), os.Getenv("AZURE_STORAGE_SAS_TOKEN")
	switch {
	case connection != "":
		fmt.Fprintln(out, "identity from connection string")
		client, err = blockblob.NewClientFromConnectionString(connection, container, name, nil)
	case accountKey != "":
		fmt.Fprintln(out, "identity from account key")
		var shared *blob.SharedKeyCredential
		if shared, err = blob.NewSharedKeyCredential(account, accountKey); err == nil {
			client, err = blockblob.NewClientWithSharedKeyCredential(u.String(), shared, nil)
		}
	case sas != "":
		fmt.Fprintln(out, "identity from shared access signature")
		client, err = blockblob.NewClientWithNoCredential(u.String()+"?"+strings.TrimPrefix(sas, "?"), nil)
	default:
		fmt.Fprintln(out, "identity from default credential")
		var credential *azidentity.DefaultAzureCredential
		if credential, err = azidentity.NewDefaultAzureCredential(nil); err == nil {
			client, err = blockblob.NewClient(u.String(), credential, nil)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("get credentials: %w", err)
	}
	return &blobObject{client: client}, nil
}

func (o *blobObject) put(ctx context.Context, body io.ReadSeekCloser) (string, error) {
	result, err := o.client.Upload(ctx, body, nil)
	if err != nil {
		return "", err
	}
	return string(*result.ETag), nil
}

func (o *blobObject) get(ctx context.Context) (io.ReadCloser, error) {
	result, err := o.client.DownloadStream(ctx, nil)
	if err != nil {
		return nil, err
	}
	return result.Body, nil
}
