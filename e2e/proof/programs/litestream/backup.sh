dump() { sqlite "$1" 'SELECT id, hex(data) FROM dumps ORDER BY id'; }
there="$LIGHTERMAN_BUCKET/$LIGHTERMAN_PREFIX/live.db"
case $LIGHTERMAN_PROVIDER in
s3)
  # AWS_ENDPOINT_URL_S3 would do for stores with virtual hosts.
  there="s3://$there?region=$LIGHTERMAN_REGION${LIGHTERMAN_ENDPOINT:+&endpoint=$LIGHTERMAN_ENDPOINT}"
  ;;
azure) there="abs://$LIGHTERMAN_STORAGE_ACCOUNT@$there" ;;
gcs) there="gs://$there" ;;
esac
mkdir files restored
sqlite live.db 'CREATE TABLE dumps (id INTEGER PRIMARY KEY, data BLOB)' \
  'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
   INSERT INTO dumps SELECT i, randomblob(2000) FROM n'
litestream replicate -once live.db "$there"
sqlite live.db 'DELETE FROM dumps WHERE id % 3 = 0' 'UPDATE dumps SET data = randomblob(3000) WHERE id < 500'
litestream replicate -once live.db "$there"
dump live.db > files/dump
sums files > files.sums
rm -r live.db* .live.db*
litestream restore -o restored.db "$there"
dump restored.db > restored/dump
same_files restored
