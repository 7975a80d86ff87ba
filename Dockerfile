# docker build --build-arg VERSION=v0.1.0 -t <image> .   (and the uploader's: see its target)
# For several platforms at once: docker buildx build --platform linux/amd64,linux/arm64 …
# Both base images are pinned by the digest of their multi-platform index; they are arguments, so that a build can take them from a
# mirror. To renew one: docker buildx imagetools inspect golang:1.26
ARG GO_IMAGE=golang:1.26.8@sha256:0f063af2d465d8dcae54cce04278ada488b96f77b42449c8d071e47d016cc65a
ARG BASE_IMAGE=gcr.io/distroless/static-debian13:nonroot@sha256:e2e927ec666bae08560abb3c55d0659eceabb657f56b6782ab500a9fc7f555e3

# The compiler runs on the builder's own platform and cross-compiles: no emulation.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
WORKDIR /src
# The image's own setting, local, would ignore go.mod's toolchain line. The go command verifies the toolchain that it downloads by
# the checksum database.
ENV GOTOOLCHAIN=auto
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
# The tag leaves out what only the command-line program needs: the library that evaluates the API's rules for "lighterman inject".
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -tags lighterman_image -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/ . ./cmd/uploader

# docker build --target uploader -t <image>-uploader .
FROM ${BASE_IMAGE} AS uploader
ARG VERSION=dev
LABEL org.opencontainers.image.title="lighterman-uploader" \
      org.opencontainers.image.description="Uploads a backup pod's files and proves that they arrived" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/uploader /uploader
USER 65532:65532
ENTRYPOINT ["/uploader"]

FROM ${BASE_IMAGE}
ARG VERSION=dev
LABEL org.opencontainers.image.title="lighterman" \
      org.opencontainers.image.description="Gives backup pods the credentials of a named profile" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /out/lighterman /lighterman
# A number, so that the kubelet can check runAsNonRoot.
USER 65532:65532
ENTRYPOINT ["/lighterman"]
