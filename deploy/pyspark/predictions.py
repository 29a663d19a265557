"""spark-ssm from Python: SQL functions on sequences, and predictions joined to them.

    spark-submit --jars spark-ssm-jobs.jar --conf spark.sql.extensions=org.sparkssm.sql.SparkSsmExtensions \
        predictions.py SEQUENCES PREDICTIONS

SEQUENCES was written by `spark-ssm import`, PREDICTIONS by `spark-ssm predict`. Both are plain Parquet: Python needs no package of
spark-ssm, and the functions are called through `expr`.
"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import avg, col, count, expr, max_by


def main(sequences, predictions):
    spark = SparkSession.builder.appName("spark-ssm from Python").getOrCreate()
    rows = spark.read.parquet(sequences)
    channels = rows.schema["values"].metadata["channels"]

    signatures = rows.withColumn("path", expr(f"path_time_augment(values, {channels})")).select(
        "id", "length", expr(f"path_signature(path, {channels + 1}, 2)").alias("signature")
    )
    signatures.show(3, truncate=60)

    # the class with the greatest probability, and how sure the model was of it
    scored = spark.read.parquet(predictions).withColumn("certainty", expr("array_max(probabilities)"))
    by_class = (
        scored.where("split = 'test'")
        .join(signatures, "id")
        .groupBy(col("class"))
        .agg(
            count("*").alias("sequences"),
            avg((col("label") == col("prediction")).cast("int")).alias("right"),
            avg("certainty").alias("certainty"),
            max_by("id", "certainty").alias("clearest"),
        )
        .orderBy("class")
    )
    by_class.show()
    right = scored.where("split = 'test'").agg(avg((col("label") == col("prediction")).cast("int"))).first()[0]
    print(f"accuracy {right:.4f}")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
