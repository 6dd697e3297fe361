"""What a run takes from earlier runs and from published weights: tokenizers, first weights, word vectors, taggers, language models."""
