case $LIGHTERMAN_PROVIDER in
s3)
  url="boto3+s3://$LIGHTERMAN_BUCKET/$LIGHTERMAN_PREFIX"
  # Its boto3 is older than AWS_ENDPOINT_URL_S3.
  options="--no-encryption ${LIGHTERMAN_ENDPOINT:+--s3-endpoint-url $LIGHTERMAN_ENDPOINT}"
  ;;
azure)
  url="azure://$LIGHTERMAN_BUCKET"
  # It takes a whole container, so the prefix is that of the files' names, without a slash.
  options="--no-encryption --file-prefix $LIGHTERMAN_PREFIX-"
  ;;
esac
make_files files
duplicity full $options files "$url"
echo more >> files/small.bin
sums files > files.sums
duplicity incremental $options files "$url"
duplicity verify --compare-data $options "$url" files
rm -r files .cache/duplicity
duplicity restore $options "$url" restored
same_files restored
